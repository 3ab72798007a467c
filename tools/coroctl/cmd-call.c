/* coroctl call: runs a function of the program in a thread made for it. */
#include <errno.h>
#include <error.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tools/coroctl/command.h"
#include "tools/coroctl/json.h"
#include "tools/coroctl/errand.h"
#include "tools/coroctl/function.h"
#include "tools/coroctl/image.h"
#include "tools/coroctl/text.h"

#define CALL_PATIENCE_S 10.0
#define TEXT_MAX        4096

struct outcome {
    const struct errand_info *info;
    int type;   /* enum call_type */
    bool cut;   /* there is more of it in the process */
    char *text; /* CALL_STRING: from malloc; NULL: it is no address to read from */
};

static int parse(const struct settings *settings, struct expression *expression)
{
    const char *source = settings->arguments[0], *wrong;
    size_t at;

    if (source == NULL || settings->arguments[1] != NULL) {
        error(0, 0, "call takes one argument: 'FUNCTION(ARGUMENTS)'");
        return EXIT_USAGE;
    }
    wrong = expression_parse(source, expression, &at);
    if (wrong != NULL) {
        error(0, 0, "%s at character %zu of '%s'", wrong, at + 1, source);
        return EXIT_USAGE;
    }
    if (settings->returns != NULL) {
        expression->returns = type_parse(settings->returns);
        if (expression->returns == TYPE_UNKNOWN) {
            error(0, 0, "'%s' is no type that a call can return", settings->returns);
            return EXIT_USAGE;
        }
    }
    return EXIT_OK;
}

static int fill_arguments(const struct expression *expression, const struct signature *signature,
                          struct call_info *call)
{
    size_t least = signature->known ? signature->count : 0;

    if (signature->known &&
        (expression->count < least || (expression->count > least && !signature->is_variadic))) {
        error(0, 0, "%s takes %zu arguments, not %zu", expression->name, least, expression->count);
        return EXIT_USAGE;
    }
    call->count = (uint16_t)expression->count;
    memcpy(call->text, expression->text, sizeof(call->text));
    for (size_t i = 0; i < expression->count; i++) {
        const struct literal *literal = &expression->arguments[i];
        int type = i < least ? signature->parameters[i] : literal->type;

        if (type == TYPE_UNKNOWN)
            type = literal->type;
        if (type == CALL_FLOAT && i >= least && signature->is_variadic)
            type = CALL_DOUBLE;
        if (type != TYPE_OTHER && !literal_fits(literal, type)) {
            error(0, 0, "argument %zu of %s is beyond %s", i + 1, expression->name,
                  type_name(type));
            return EXIT_USAGE;
        }
        if (type != TYPE_OTHER)
            type = literal_convert(literal, type, &call->values[i]);
        if (type < 0) {
            error(0, 0, "argument %zu of %s must be %s", i + 1, expression->name,
                  i < least ? type_name(signature->parameters[i]) : "of another type");
            return EXIT_USAGE;
        }
        call->types[i] = (uint16_t)type;
    }
    return EXIT_OK;
}

/* Without a type from anywhere, C has always said int: longer values are shown as long. */
static int choose_result(const struct expression *expression, const struct signature *signature,
                         struct call_info *call)
{
    int type = expression->returns;

    if (type == TYPE_UNKNOWN && signature->returns == TYPE_OTHER) {
        error(0, 0, "%s returns neither number nor pointer: it cannot be called", expression->name);
        return EXIT_USAGE;
    }
    if (type == TYPE_UNKNOWN)
        type = signature->returns;
    call->returns = (uint16_t)(type == TYPE_UNKNOWN ? CALL_INT64 : type);
    return EXIT_OK;
}

static int prepare(pid_t pid, const struct expression *expression, struct call_info *call,
                   bool *is_guess)
{
    struct signature signature;
    int code = image_open(pid);

    if (code != EXIT_OK)
        return code;
    code = function_find(pid, expression, call, &signature);
    if (code == EXIT_OK)
        code = fill_arguments(expression, &signature, call);
    if (code == EXIT_OK)
        code = choose_result(expression, &signature, call);
    *is_guess = expression->returns == TYPE_UNKNOWN && signature.returns == TYPE_UNKNOWN;
    image_close();
    return code;
}

static int judge(const struct connection *connection, const char *name,
                 const struct errand_info *info, double patience_s)
{
    if (info->state != ERRAND_DONE) {
        if (info->thread != 0)
            error(0, 0, "%s has not returned within %g s: thread %lu of process %d goes on", name,
                  patience_s, info->thread, (int)connection->pid);
        else
            error(0, 0,
                  "process %d has not begun the call within %g s: it will when it comes to it",
                  (int)connection->pid, patience_s);
        return EXIT_FAILED;
    }
    if (info->error == 0)
        return EXIT_OK;
    if (info->error == ECANCELED)
        error(0, 0, "thread %lu ended in %s, without returning", info->thread, name);
    else
        error(0, 0, "process %d cannot call %s: %s", (int)connection->pid, name,
              info->error == ENOENT    ? "it has no such function"
              : info->error == ELIBACC ? "libffi.so.8 cannot be loaded there"
              : info->error == EAGAIN  ? "no thread can be made"
                                       : "libffi refuses");
    return EXIT_FAILED;
}

/* Reads text that the function returned. */
static void fetch_text(struct connection *connection, struct outcome *outcome)
{
    struct memory_request request = { .address = outcome->info->value, .bytes = TEXT_MAX };

    if (outcome->info->value == 0 ||
        connection_ask(connection, FRAME_MEMORY, &request, sizeof(request), 0) != EXIT_OK ||
        connection->body_bytes == 0)
        return;
    outcome->text = strndup((const char *)connection->body, connection->body_bytes);
    if (outcome->text == NULL)
        error(EXIT_FAILED, errno, "memory");
    outcome->cut = strlen(outcome->text) == TEXT_MAX;
}

static double floating_of(const struct outcome *outcome)
{
    float narrow;
    double wide;

    memcpy(&narrow, &outcome->info->value, sizeof(narrow));
    memcpy(&wide, &outcome->info->value, sizeof(wide));
    return outcome->type == CALL_FLOAT ? (double)narrow : wide;
}

static void print_value(const struct outcome *outcome)
{
    uint64_t value = outcome->info->value;

    switch (outcome->type) {
    case CALL_VOID:
        break;
    case CALL_FLOAT:
    case CALL_DOUBLE:
        printf("%.*g", outcome->type == CALL_FLOAT ? 9 : 17, floating_of(outcome));
        break;
    case CALL_STRING:
        if (outcome->text != NULL) {
            putchar('"');
            print_escaped(stdout, outcome->text);
            fputs(outcome->cut ? "\"..." : "\"", stdout);
            break;
        }
        /* fallthrough */
    case CALL_POINTER:
        if (value != 0)
            printf("0x%lx", value);
        else
            fputs("NULL", stdout);
        break;
    case CALL_UINT8:
    case CALL_UINT16:
    case CALL_UINT32:
    case CALL_UINT64:
        printf("%lu", value);
        break;
    default:
        printf("%ld", (int64_t)value);
    }
}

static json_t *json_value(const struct outcome *outcome)
{
    uint64_t value = outcome->info->value;

    switch (outcome->type) {
    case CALL_VOID:
        return NULL;
    case CALL_FLOAT:
    case CALL_DOUBLE:
        return json_real(floating_of(outcome)); /* NULL when it is infinite or no number */
    case CALL_STRING:
        if (outcome->text != NULL)
            return text_json(outcome->text);
        /* fallthrough */
    case CALL_POINTER:
        return value != 0 ? json_sprintf("0x%lx", value) : json_null();
    case CALL_UINT64:
        if (value > INT64_MAX)
            return json_sprintf("%lu", value);
        /* fallthrough */
    default:
        return json_integer((json_int_t)value);
    }
}

static void print_json(const struct connection *connection, const struct outcome *outcome)
{
    const struct errand_info *info = outcome->info;
    json_t *value = json_value(outcome);
    json_t *document = json_document(connection->pid);

    json_add(document, "thread", json_integer((json_int_t)info->thread));
    json_add(document, "type", json_string(type_name(outcome->type)));
    if (value != NULL)
        json_object_set_new(document, "value", value);
    if (info->call_errno != 0)
        json_object_set_new(document, "errno", json_integer(info->call_errno));
    if (info->call_errno != 0 && strerrorname_np(info->call_errno) != NULL)
        json_object_set_new(document, "errno_name", json_string(strerrorname_np(info->call_errno)));
    json_print_document(document);
}

static void print(const struct settings *settings, const struct connection *connection,
                  const struct outcome *outcome)
{
    int number = outcome->info->call_errno;

    if (settings->json) {
        print_json(connection, outcome);
        return;
    }
    if (settings->plain)
        printf("TYPE\tVALUE\tERRNO\tTHREAD\n%s\t", type_name(outcome->type));
    print_value(outcome);
    if (settings->plain)
        printf("\t%d\t%lu", number, outcome->info->thread);
    if (settings->plain || outcome->type != CALL_VOID)
        putchar('\n');
    if (!settings->plain && number != 0)
        printf("errno %d (%s)\n", number, strerrordesc_np(number) ?: "unknown");
}

static int call_run(const struct settings *settings)
{
    static struct connection connection;
    static struct expression expression;
    static struct call_request request;
    double patience_s = settings->timeout_s != 0 ? settings->timeout_s : CALL_PATIENCE_S;
    struct errand_info info;
    struct outcome outcome = { .info = &info };
    bool is_guess;
    int code = parse(settings, &expression);

    if (code == EXIT_OK)
        code = connection_choose(settings->process, &connection);
    if (code != EXIT_OK)
        return code;
    code = prepare(connection.pid, &expression, &request.call, &is_guess);
    if (code == EXIT_OK)
        code = errand_do(&connection, "calling", FRAME_CALL, &request, sizeof(request), patience_s,
                         &info);
    if (code == EXIT_OK)
        code = judge(&connection, expression.name, &info, patience_s);
    if (code == EXIT_OK) {
        outcome.type = request.call.returns;
        if (is_guess && (info.value >> 32 == 0 || info.value >> 31 == UINT64_MAX >> 31)) {
            outcome.type = CALL_INT32;
            info.value = (uint64_t)(int32_t)info.value;
        }
        if (outcome.type == CALL_STRING)
            fetch_text(&connection, &outcome);
        print(settings, &connection, &outcome);
        free(outcome.text);
    }
    connection_close(&connection);
    return code;
}

static const struct argp_option call_options[] = {
    OPTION_PROCESS,
    { "returns", KEY_RETURNS, "TYPE", 0, "What the function returns, such as double or 'char *'",
      0 },
    OPTION_TIMEOUT("Wait so long for the function to return instead of 10 seconds"),
    OPTION_JSON,
    OPTION_PLAIN,
    { 0 },
};

const struct command command_call = {
    .name = "call",
    .arguments = "[TYPE] [OBJECT:]FUNCTION(ARGUMENT,...)",
    .summary = "call a function of the program",
    .description =
        "In a thread made for it, where CORO_CALL is on. Arguments are numbers, \"text\", "
        "'c', NULL, true and false, cast as in (double)2. A call that crashes ends the "
        "program.",
    .options = call_options,
    .run = call_run,
};
