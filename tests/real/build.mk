# Real programs from Debian under the shim. REAL_OPTIONS are options of tests/real/run.

.PHONY: check-real demo

check-real: all
	tests/real/run $(REAL_OPTIONS)

demo: all
	tests/real/demo
