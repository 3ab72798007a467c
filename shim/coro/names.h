/* Conveniences of the preprocessor: functions are converted to coro_fn, and a thread without a name gets its
 * function's as it is written, without casts and '&' before it. (coro_spawn)(...) with parentheses is the
 * function itself. */
#ifndef CORO_API_NAMES_H
#define CORO_API_NAMES_H

#include "base.h"

#ifdef CORO_WEAK
#define CORO_AS(name) coro_weak_##name
#else
#define CORO_AS(name) (coro_##name)
#endif

/* What follows the parenthesis at the beginning of @text; @text: nothing does, so it is no cast. */
static inline const char *coro_behind_cast(const char *text)
{
    const char *at = text;
    int depth = 0;
    do
        depth += (*at == '(') - (*at == ')');
    while (*at++ && depth);
    return depth || !*at || *at == '[' || *at == '.' || *at == '-' ? text : at;
}

/* @function is an expression: "work", "&work", "(coro_fn)work". */
static inline const char *coro_name_or(const char *name, const char *function)
{
    const char *before = NULL;
    while (!name && function != before) {
        before = function;
        function += *function == '&' || *function == ' ';
        if (*function == '(')
            function = coro_behind_cast(function);
    }
    return name ? name : function;
}

#define coro_new(name, fn, ...) CORO_AS(new)(coro_name_or((name), #fn), (coro_fn)(fn), __VA_ARGS__)
#define coro_spawn(name, fn, ...)                                                                  \
    CORO_AS(spawn)(coro_name_or((name), #fn), (coro_fn)(fn), __VA_ARGS__)

#define coro_with_timeout(seconds, result, fn, ...)                                                \
    CORO_AS(with_timeout)((seconds), (result), (coro_fn)(fn), __VA_ARGS__)
#define coro_with_deadline(seconds, result, fn, ...)                                               \
    CORO_AS(with_deadline)((seconds), (result), (coro_fn)(fn), __VA_ARGS__)

#define coro_bind(fn, ...)           CORO_AS(bind)((coro_fn)(fn), __VA_ARGS__)
#define coro_later(seconds, fn, ...) CORO_AS(later)((seconds), (coro_fn)(fn), __VA_ARGS__)
#define coro_interval(seconds, immediate, fn, ...)                                                 \
    CORO_AS(interval)((seconds), (immediate), (coro_fn)(fn), __VA_ARGS__)
#define coro_rate(per_second, fn, ...) CORO_AS(rate)((per_second), (coro_fn)(fn), __VA_ARGS__)
#define coro_loop(fn, ...)             CORO_AS(loop)((coro_fn)(fn), __VA_ARGS__)

#endif
