/* Reads CALLn rows as GATEn rows and skips symbol-only rows. Before table.def; then table_end.h. */
#define CALL0(f, name, k, ...) GATE0(f, name, __VA_ARGS__)
#define CALL1(f, name, k, ...) GATE1(f, name, __VA_ARGS__)
#define CALL2(f, name, k, ...) GATE2(f, name, __VA_ARGS__)
#define CALL3(f, name, k, ...) GATE3(f, name, __VA_ARGS__)
#define CALL4(f, name, k, ...) GATE4(f, name, __VA_ARGS__)
#define CALL5(f, name, k, ...) GATE5(f, name, __VA_ARGS__)
#define CALL6(f, name, k, ...) GATE6(f, name, __VA_ARGS__)
#define DOOR(f, symbol)
