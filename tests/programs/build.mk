# The threaded programs that must behave the same with and without the shim.
#
#   make programs         builds them all into build/tests/programs/
#   make check-programs   runs each natively and under build/libcoroshim.so and compares
#
# A file NAME.c or NAME.cpp is one program; lib/NAME.c is a shared object that programs dlopen.
# PROGRAMS_FLAGS passes options to the driver: make check-programs PROGRAMS_FLAGS='--only mutex'.

programs_src := tests/programs
programs_out := build/tests/programs

programs_c   := $(patsubst $(programs_src)/%.c,$(programs_out)/%,$(wildcard $(programs_src)/*.c))
programs_cxx := $(patsubst $(programs_src)/%.cpp,$(programs_out)/%,\
                           $(wildcard $(programs_src)/*.cpp))
programs_lib := $(patsubst $(programs_src)/lib/%.c,$(programs_out)/lib/lib%.so,\
                           $(wildcard $(programs_src)/lib/*.c))

# Own flags, not the project's: these stand for programs that other people compiled.
programs_flags := -O2 -g -Wall -Wextra -D_GNU_SOURCE -pthread -MMD -MP
programs_link  := -Wl,-rpath,'$$ORIGIN/lib' -pthread
programs_c11   := -std=gnu11 $(programs_flags)
programs_cxx20 := -std=gnu++20 $(programs_flags)

PROGRAMS_FLAGS ?=

.PHONY: programs check-programs

programs: $(programs_c) $(programs_cxx) $(programs_lib)

check-programs: all programs
	$(programs_src)/run $(PROGRAMS_FLAGS) $(programs_out)

$(programs_c): $(programs_out)/%: $(programs_src)/%.c $(programs_src)/build.mk
	@mkdir -p $(@D)
	$(CC) $(programs_c11) $(programs_extra) -o $@ $< $(programs_link) $(programs_libs)

$(programs_cxx): $(programs_out)/%: $(programs_src)/%.cpp $(programs_src)/build.mk
	@mkdir -p $(@D)
	$(CXX) $(programs_cxx20) $(programs_extra) -o $@ $< $(programs_link) $(programs_libs)

$(programs_lib): $(programs_out)/lib/lib%.so: $(programs_src)/lib/%.c $(programs_src)/build.mk
	@mkdir -p $(@D)
	$(CC) $(programs_c11) -fPIC -shared -o $@ $< -pthread

# What single programs need beyond that.
$(programs_out)/omp_%: programs_extra := -fopenmp
$(programs_out)/fortified: programs_extra := -D_FORTIFY_SOURCE=2
$(programs_out)/fpu_%: programs_libs := -lm
$(programs_out)/fpu_rounding: programs_extra := -frounding-math

-include $(wildcard $(programs_out)/*.d $(programs_out)/lib/*.d)
