/* The screen of `coroctl top`, by ncurses: a summary, the table, and below it the stack of the chosen
 * thread when asked for. */
#include <error.h>
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/image.h"
#include "tools/coroctl/print.h"
#include "tools/coroctl/stacks.h"
#include "tools/coroctl/top.h"

#define KEY_ESCAPE 27
#define TABLE_LINE 3 /* below the summary, the keys and the head */

struct screen {
    struct top *top;
    uint64_t chosen_id; /* stays chosen when rows move */
    size_t chosen, first;
    bool where; /* the stack of the chosen thread is shown */
    struct stacks stacks;
};

/* One line of text, cut at the screen's edge. */
static void put_line(int line, int attribute, const char *text)
{
    attron(attribute);
    mvaddnstr(line, 0, text, COLS);
    attroff(attribute);
    clrtoeol();
}

static int table_lines(const struct screen *screen)
{
    int lines = LINES - TABLE_LINE;

    return screen->where ? lines / 2 : lines;
}

/* The row in place of a chosen thread that has ended, or that the filter hides, is chosen instead. */
static void find_chosen(struct screen *screen)
{
    const struct top *top = screen->top;
    size_t lines = (size_t)(table_lines(screen) > 0 ? table_lines(screen) : 1);

    for (size_t i = 0; i < top->row_count; i++)
        if (top->rows[i].thread->id == screen->chosen_id)
            screen->chosen = i;
    if (screen->chosen >= top->row_count)
        screen->chosen = top->row_count > 0 ? top->row_count - 1 : 0;
    if (screen->chosen_id != 0)
        screen->chosen_id = top->row_count > 0 ? top->rows[screen->chosen].thread->id : 0;
    if (screen->chosen < screen->first)
        screen->first = screen->chosen;
    if (screen->chosen >= screen->first + lines)
        screen->first = screen->chosen - lines + 1;
}

static void draw_stack(const struct screen *screen, int line)
{
    const struct stack *stack = stacks_by_id(&screen->stacks, screen->chosen_id);
    char *text = NULL, *rest, *frame;
    size_t size;
    FILE *out;

    if (stack == NULL || (out = open_memstream(&text, &size)) == NULL)
        return;
    fprintf(out, "Thread %lu, innermost first:\n", screen->chosen_id);
    print_stack(out, stack, false);
    fclose(out);
    rest = text;
    for (int attribute = A_BOLD; line < LINES; attribute = A_NORMAL) {
        frame = strsep(&rest, "\n");
        if (frame == NULL)
            break;
        put_line(line++, attribute, frame);
    }
    free(text);
}

static void draw_rows(const struct screen *screen)
{
    const struct top *top = screen->top;
    int lines = table_lines(screen);

    for (int i = 0; i < lines && screen->first + (size_t)i < top->row_count; i++) {
        size_t row = screen->first + (size_t)i;
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (out == NULL)
            return;
        top_print_row(out, top, &top->rows[row]);
        fclose(out);
        put_line(TABLE_LINE + i, row == screen->chosen ? A_REVERSE : A_NORMAL, text);
        free(text);
    }
}

static void draw(struct screen *screen)
{
    const struct top *top = screen->top;
    char text[512];
    FILE *out = fmemopen(text, sizeof(text), "w");

    erase();
    if (out != NULL) {
        top_print_summary(out, top);
        fclose(out);
        put_line(0, A_BOLD, text);
    }
    snprintf(text, sizeof(text),
             "sorted by %s%s%s%s   c/s/p/o/t/m/i sort  f filter  T tree  w where  q quit",
             top_order_word(top->order), top->tree ? ", tree" : "",
             top->filter[0] != '\0' ? ", only " : "", top->filter);
    put_line(1, A_DIM, text);
    out = fmemopen(text, sizeof(text), "w");
    if (out != NULL) {
        top_print_head(out);
        fclose(out);
        put_line(2, A_UNDERLINE, text);
    }
    draw_rows(screen);
    if (screen->where)
        draw_stack(screen, TABLE_LINE + table_lines(screen));
    refresh();
}

static void choose(struct screen *screen, long step)
{
    const struct top *top = screen->top;
    long to = (long)screen->chosen + step;

    if (top->row_count == 0)
        return;
    if (to < 0)
        to = 0;
    if (to >= (long)top->row_count)
        to = (long)top->row_count - 1;
    screen->chosen = (size_t)to;
    screen->chosen_id = top->rows[to].thread->id;
}

static int fetch_stack(struct screen *screen)
{
    stacks_free(&screen->stacks);
    if (!screen->where || screen->chosen_id == 0)
        return EXIT_OK;
    return stacks_fetch(screen->top->connection, screen->chosen_id, &screen->stacks);
}

static void ask_filter(struct top *top)
{
    put_line(1, A_BOLD, "only names with: ");
    timeout(-1);
    echo();
    getnstr(top->filter, TOP_FILTER_BYTES - 1);
    noecho();
    top_arrange(top);
}

static bool set_order(struct top *top, int key)
{
    static const char keys[TOP_ORDERS + 1] = "cspotmi";
    const char *at = key > 0 && key < 128 ? strchr(keys, key) : NULL;

    if (at == NULL)
        return false;
    top->order = (enum top_order)(at - keys);
    top_arrange(top);
    return true;
}

/* False: the user has had enough. */
static bool handle_key(struct screen *screen, int key)
{
    if (set_order(screen->top, key))
        return true;
    switch (key) {
    case 'q':
    case KEY_ESCAPE:
        return false;
    case 'f':
        ask_filter(screen->top);
        break;
    case 'T':
        screen->top->tree = !screen->top->tree;
        top_arrange(screen->top);
        break;
    case 'w':
        if (screen->chosen_id == 0)
            choose(screen, 0);
        screen->where = !screen->where;
        break;
    case KEY_UP:
        choose(screen, -1);
        break;
    case KEY_DOWN:
        choose(screen, 1);
        break;
    case KEY_PPAGE:
        choose(screen, -table_lines(screen));
        break;
    case KEY_NPAGE:
        choose(screen, table_lines(screen));
        break;
    }
    return true;
}

static int run(struct screen *screen, double interval_s)
{
    int code = top_refresh(screen->top);

    while (code == EXIT_OK) {
        int key;

        find_chosen(screen);
        code = fetch_stack(screen);
        if (code != EXIT_OK)
            break;
        draw(screen);
        timeout((int)(interval_s * 1000));
        key = getch();
        if (key == ERR || key == ' ')
            code = top_refresh(screen->top);
        else if (!handle_key(screen, key))
            break;
    }
    return code;
}

int top_screen(struct top *top, double interval_s)
{
    struct screen screen = { .top = top };
    int code = image_open(top->connection->pid);

    if (code != EXIT_OK)
        return code;
    initscr();
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    curs_set(0);
    code = run(&screen, interval_s);
    endwin();
    image_close();
    stacks_free(&screen.stacks);
    return code;
}
