/* A printf in miniature, for code that may not call libc: bounded, without floating point, without
 * locale, without allocation. What does not fit is cut off; the result always ends in NUL. */
#include "shim/log.h"

struct text {
    char *out;
    size_t room; /* bytes that still fit before the final NUL */
    size_t length;
};

/* One conversion specification: "%-08lx". */
struct spec {
    bool left, zero, is_long;
    unsigned width;
    long precision; /* -1: none */
};

#define WIDTH_MAX 4096

static void put(struct text *text, char c)
{
    if (text->room == 0)
        return;
    text->out[text->length++] = c;
    text->room--;
}

static void put_padding(struct text *text, char c, size_t length, unsigned width)
{
    for (size_t i = length; i < width; i++)
        put(text, c);
}

static void put_string(struct text *text, const struct spec *spec, const char *string)
{
    size_t length = 0;

    if (string == NULL)
        string = "(null)";
    while ((spec->precision < 0 || length < (size_t)spec->precision) && string[length] != '\0')
        length++;
    if (!spec->left)
        put_padding(text, ' ', length, spec->width);
    for (size_t i = 0; i < length; i++)
        put(text, string[i]);
    if (spec->left)
        put_padding(text, ' ', length, spec->width);
}

static void put_number(struct text *text, const struct spec *spec, const char *sign,
                       unsigned long value, char conversion)
{
    const char *digits = conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    unsigned base = conversion == 'x' || conversion == 'X' ? 16 : 10;
    bool zero = spec->zero && !spec->left;
    char reversed[24];
    size_t count = 0, length;

    do
        reversed[count++] = digits[value % base];
    while ((value /= base) != 0);
    length = count + (sign[0] != '\0') + (sign[0] != '\0' && sign[1] != '\0');
    if (!spec->left && !zero)
        put_padding(text, ' ', length, spec->width);
    for (const char *s = sign; *s != '\0'; s++)
        put(text, *s);
    if (zero)
        put_padding(text, '0', length, spec->width);
    while (count > 0)
        put(text, reversed[--count]);
    if (spec->left)
        put_padding(text, ' ', length, spec->width);
}

static const char *read_number(const char *format, unsigned *number)
{
    *number = 0;
    for (; *format >= '0' && *format <= '9'; format++)
        if (*number < WIDTH_MAX)
            *number = *number * 10 + (unsigned)(*format - '0');
    return format;
}

/* Text and arguments advance together: a va_list may only be handed on by its address. */
struct source {
    const char *format;
    va_list arguments;
};

static void read_flags(struct source *source, struct spec *spec)
{
    const char *f = source->format;

    for (;; f++) {
        if (*f == '-')
            spec->left = true;
        else if (*f == '0')
            spec->zero = true;
        else
            break;
    }
    if (*f == '*') {
        int width = va_arg(source->arguments, int);

        spec->left = spec->left || width < 0;
        spec->width = width < 0 ? -(unsigned)width : (unsigned)width;
        f++;
    } else {
        f = read_number(f, &spec->width);
    }
    if (spec->width > WIDTH_MAX)
        spec->width = WIDTH_MAX;
    if (*f == '.' && f[1] == '*') {
        spec->precision = va_arg(source->arguments, int);
        f += 2;
    } else if (*f == '.') {
        unsigned precision;

        f = read_number(f + 1, &precision);
        spec->precision = precision;
    }
    for (; *f == 'l' || *f == 'z' || *f == 'h' || *f == 'j' || *f == 't'; f++)
        spec->is_long = spec->is_long || *f != 'h';
    source->format = f;
}

static void put_signed(struct text *text, const struct spec *spec, long value)
{
    unsigned long magnitude = value < 0 ? -(unsigned long)value : (unsigned long)value;

    put_number(text, spec, value < 0 ? "-" : "", magnitude, 'd');
}

static void put_conversion(struct text *text, struct source *source)
{
    struct spec spec = { .precision = -1 };
    char conversion;

    read_flags(source, &spec);
    conversion = *source->format;
    if (conversion == '\0')
        return;
    source->format++;
    switch (conversion) {
    case 's':
        put_string(text, &spec, va_arg(source->arguments, const char *));
        break;
    case 'd':
    case 'i':
        put_signed(text, &spec,
                   spec.is_long ? va_arg(source->arguments, long) : va_arg(source->arguments, int));
        break;
    case 'u':
    case 'x':
    case 'X':
        put_number(text, &spec, "",
                   spec.is_long ? va_arg(source->arguments, unsigned long)
                                : va_arg(source->arguments, unsigned),
                   conversion);
        break;
    case 'p':
        put_number(text, &spec, "0x", (unsigned long)va_arg(source->arguments, void *), 'x');
        break;
    case 'c':
        put(text, (char)va_arg(source->arguments, int));
        break;
    case '%':
        put(text, '%');
        break;
    default: /* not ours: show it rather than guess at its argument */
        put(text, '%');
        put(text, conversion);
    }
}

size_t format_text_list(char *out, size_t size, const char *format, va_list arguments)
{
    struct text text = { .out = out, .room = size > 0 ? size - 1 : 0 };
    struct source source = { .format = format };

    va_copy(source.arguments, arguments);
    while (*source.format != '\0' && text.room > 0) {
        char c = *source.format++;

        if (c == '%')
            put_conversion(&text, &source);
        else
            put(&text, c);
    }
    va_end(source.arguments);
    if (size > 0)
        out[text.length] = '\0';
    return text.length;
}

size_t format_text(char *out, size_t size, const char *format, ...)
{
    va_list arguments;
    size_t length;

    va_start(arguments, format);
    length = format_text_list(out, size, format, arguments);
    va_end(arguments);
    return length;
}
