/* The note by which readers of memory find co_layout; see runtime/co_layout.h. */
        .section .note.coroshim, "a", @note
        .balign 4
        .long   2f - 1f
        .long   4f - 3f
        .long   1 /* CO_LAYOUT_VERSION */
1:      .asciz  "coroshim"
2:      .balign 4
3:      .quad   co_layout - 3b
4:      .balign 4
        .hidden co_layout
        .section .note.GNU-stack, "", @progbits
