/* Forgets the row macros after a reading of table.def. */
#undef CALL0
#undef CALL1
#undef CALL2
#undef CALL3
#undef CALL4
#undef CALL5
#undef CALL6
#undef GATE0
#undef GATE1
#undef GATE2
#undef GATE3
#undef GATE4
#undef GATE5
#undef GATE6
#undef DOOR
