#include "runtime/files.h"

#include "runtime/sys.h"

bool files_lent;

void files_let_go(int fd)
{
    if (!files_lent)
        sys1(__NR_close, fd);
}
