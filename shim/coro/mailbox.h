/* Mailboxes and messages. */
#ifndef CORO_API_MAILBOX_H
#define CORO_API_MAILBOX_H

#include "base.h"

CORO_BEGIN

CORO_END

#endif
