/* What the debugging information says of a function's parameters and of what it returns. */
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <stdlib.h>

#include "tools/coroctl/function.h"

static int type_of_base(Dwarf_Die *type)
{
    Dwarf_Attribute attribute;
    Dwarf_Word encoding = 0;
    int bytes = dwarf_bytesize(type);
    bool is_unsigned;

    dwarf_formudata(dwarf_attr(type, DW_AT_encoding, &attribute), &encoding);
    if (encoding == DW_ATE_float)
        return bytes == 4 ? CALL_FLOAT : bytes == 8 ? CALL_DOUBLE : TYPE_OTHER;
    is_unsigned = encoding == DW_ATE_unsigned || encoding == DW_ATE_unsigned_char ||
                  encoding == DW_ATE_boolean || encoding == DW_ATE_UTF;
    switch (bytes) {
    case 1:
        return CALL_INT8 + is_unsigned;
    case 2:
        return CALL_INT16 + is_unsigned;
    case 4:
        return CALL_INT32 + is_unsigned;
    case 8:
        return CALL_INT64 + is_unsigned;
    default:
        return TYPE_OTHER;
    }
}

/* The enum call_type of what @die is, by its DW_AT_type. */
static int type_of(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    Dwarf_Die type, target;

    if (dwarf_attr_integrate(die, DW_AT_type, &attribute) == NULL)
        return CALL_VOID;
    if (dwarf_formref_die(&attribute, &type) == NULL || dwarf_peel_type(&type, &type) != 0)
        return TYPE_UNKNOWN;
    switch (dwarf_tag(&type)) {
    case DW_TAG_base_type:
        return type_of_base(&type);
    case DW_TAG_enumeration_type:
        return dwarf_bytesize(&type) == 8 ? CALL_INT64 : CALL_INT32;
    case DW_TAG_pointer_type:
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type:
        if (dwarf_attr_integrate(&type, DW_AT_type, &attribute) != NULL &&
            dwarf_formref_die(&attribute, &target) != NULL &&
            dwarf_peel_type(&target, &target) == 0 && dwarf_tag(&target) == DW_TAG_base_type &&
            dwarf_bytesize(&target) == 1)
            return CALL_STRING;
        return CALL_POINTER;
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type:
    case DW_TAG_array_type:
        return TYPE_OTHER;
    default:
        return TYPE_UNKNOWN;
    }
}

static void read_signature(Dwarf_Die *function, struct signature *signature)
{
    Dwarf_Die child;

    signature->known = true;
    signature->returns = type_of(function);
    if (dwarf_child(function, &child) != 0)
        return;
    do {
        if (dwarf_tag(&child) == DW_TAG_unspecified_parameters)
            signature->is_variadic = true;
        if (dwarf_tag(&child) == DW_TAG_formal_parameter && signature->count < CALL_ARGUMENTS_MAX)
            signature->parameters[signature->count++] = type_of(&child);
    } while (dwarf_siblingof(&child, &child) == 0);
}

void signature_find(struct Dwfl_Module *module, uint64_t address, struct signature *signature)
{
    Dwarf_Addr bias;
    Dwarf_Die *unit = dwfl_module_addrdie(module, address, &bias), *scopes = NULL;
    bool has_types = unit != NULL && dwarf_srclang(unit) != DW_LANG_Mips_Assembler;
    int count = has_types ? dwarf_getscopes(unit, address - bias, &scopes) : 0;

    for (int i = 0; i < count; i++) {
        Dwarf_Addr entry;

        if (dwarf_tag(&scopes[i]) == DW_TAG_subprogram && dwarf_entrypc(&scopes[i], &entry) == 0 &&
            entry == address - bias) {
            read_signature(&scopes[i], signature);
            break;
        }
    }
    free(scopes);
}
