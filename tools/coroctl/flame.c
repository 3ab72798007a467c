/* Flame graphs: an SVG with one rectangle for each function, as wide as its share of the samples, on
 * top of the one that called it. Nothing outside of the file is needed; a pointer over a rectangle
 * shows the whole name and the figures. A script in the file, flame.js, zooms and searches; where none
 * runs, the picture is the same. */
#include <string.h>

#include "tools/coroctl/profile.h"

#define WIDTH      1200.0
#define LINE       18
#define TITLE      48
#define MARGIN     8
#define LETTER     6.6 /* pixels, about */
#define THINNEST   0.1 /* narrower ones are left out; larger when zoomed */
#define NAME_BYTES 256

/* The text of flame.js. */
extern const char flame_script[];
__asm__(".pushsection .rodata\n"
        "flame_script: .incbin \"tools/coroctl/flame.js\"\n"
        ".byte 0\n"
        ".popsection");

struct drawing {
    FILE *out;
    const struct profile_node *root;
    double scale; /* pixels a sample */
    int depth;    /* of the deepest, in lines */
    bool compare;
};

static void print_xml(FILE *out, const char *text, size_t limit)
{
    for (; *text != '\0' && limit > 0; text++, limit--) {
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc((unsigned char)*text < ' ' ? '?' : *text, out);
        }
    }
}

static int depth_of(const struct profile_node *node)
{
    int deepest = 0;

    for (const struct profile_node *child = node->first; child != NULL; child = child->next) {
        int depth = child->total > 0 ? depth_of(child) : 0;

        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

/* Warm colours, the same for the same name in every drawing. */
static void print_warm(FILE *out, const char *name)
{
    unsigned hash = 5381;

    for (; *name != '\0'; name++)
        hash = hash * 33 + (unsigned char)*name;
    fprintf(out, "rgb(%u,%u,%u)", 205 + hash % 50, 80 + hash / 50 % 120, hash / 6000 % 55);
}

/* White where nothing changed, red where the share grew, blue where it shrank. */
static void print_change(FILE *out, double change)
{
    unsigned strength = (unsigned)(change < 0 ? -change * 1000 : change * 1000);
    unsigned fade = strength > 205 ? 50 : 255 - strength;

    if (change >= 0)
        fprintf(out, "rgb(255,%u,%u)", fade, fade);
    else
        fprintf(out, "rgb(%u,%u,255)", fade, fade);
}

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

/* @first: the number of its first sample. */
static void draw_box(const struct drawing *drawing, const struct profile_node *node, uint64_t first,
                     int level)
{
    const struct profile_node *root = drawing->root;
    double now = share(node->total, root->total), change = now - share(node->before, root->before);
    double x = MARGIN + (double)first * drawing->scale;
    double width = (double)node->total * drawing->scale;
    int y = TITLE + (drawing->depth - level - 1) * LINE;
    size_t letters = (size_t)(width / LETTER);
    FILE *out = drawing->out;

    fprintf(out, "<g data-x=\"%lu\" data-n=\"%lu\"><title>", first, node->total);
    print_xml(out, node->name, NAME_BYTES);
    fprintf(out, ": %lu samples, %.2f %%", node->total, now * 100);
    if (drawing->compare)
        fprintf(out, ", %+.2f %% points", change * 100);
    fprintf(out, "</title><rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" fill=\"", x, y,
            width, LINE - 1);
    if (drawing->compare)
        print_change(out, change);
    else
        print_warm(out, node->name);
    fputs("\" rx=\"2\"/>", out);
    if (letters > 2) {
        fprintf(out, "<text x=\"%.2f\" y=\"%d\">", x + 3, y + LINE - 6);
        print_xml(out, node->name, strlen(node->name) <= letters ? letters : letters - 2);
        fputs(strlen(node->name) <= letters ? "</text>" : "..</text>", out);
    }
    fputs("</g>\n", out);
}

static void draw_children(const struct drawing *drawing, const struct profile_node *node,
                          uint64_t first, int level)
{
    for (const struct profile_node *child = node->first; child != NULL; child = child->next) {
        if ((double)child->total * drawing->scale >= THINNEST) {
            draw_box(drawing, child, first, level);
            draw_children(drawing, child, first, level + 1);
        }
        first += child->total;
    }
}

void profile_write_svg(FILE *out, const struct profile_node *root, const char *title, bool compare)
{
    struct drawing drawing = {
        .out = out,
        .root = root,
        .scale = root->total > 0 ? (WIDTH - 2 * MARGIN) / (double)root->total : 0,
        .depth = depth_of(root) - 1,
        .compare = compare,
    };
    int height = TITLE + drawing.depth * LINE + MARGIN;

    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%d\" "
            "viewBox=\"0 0 %.0f %d\" font-family=\"monospace\" font-size=\"11\" data-left=\"%d\" "
            "data-width=\"%.0f\" data-samples=\"%lu\" data-letter=\"%.1f\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fdfdf6\"/>\n"
            "<text x=\"%d\" y=\"20\" font-size=\"15\">",
            WIDTH, height, WIDTH, height, MARGIN, WIDTH - 2 * MARGIN, root->total, LETTER, MARGIN);
    print_xml(out, title, NAME_BYTES);
    fprintf(out, "</text><text x=\"%d\" y=\"38\" fill=\"#666\">%lu samples%s</text>\n", MARGIN,
            root->total, compare ? "; red: a larger share than before, blue: a smaller one" : "");
    draw_children(&drawing, root, 0, 0);
    fprintf(out, "<script><![CDATA[\n%s]]></script>\n</svg>\n", flame_script);
}
