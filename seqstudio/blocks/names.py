"""Names of blocks as names in Python."""

from __future__ import annotations

import keyword

# Attributes of torch.nn.Module and ModuleDict, and names that the generated code uses itself.
# A test holds the list against torch.
RESERVED = frozenset(  # as one text: a line a name would fill the screen
    """
    F Path T_destination absolute_positions add_module after apply before bfloat16 blocks buffers
    call_super_init children clear compile cpu cuda double dump_patches eval extra_repr facts
    float forward get_buffer get_extra_state get_parameter get_submodule graph half head inputs
    ipu items json keys load_state_dict losses math module modules mtia named_buffers
    named_children named_modules named_parameters nn nodes parameter_count parameters pattern pop
    recurrent register_backward_hook register_buffer register_forward_hook
    register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
    register_parameter register_state_dict_post_hook register_state_dict_pre_hook report
    requires_grad_ self set_extra_state set_submodule share_memory state state_dict struct to
    to_empty torch train training type update values writing_state xpu zero_grad
    """.split()  # noqa: SIM905
)
_STEMS = frozenset(name.rstrip("_") for name in RESERVED)


def attribute_name(block_id: str) -> str:
    """Return a name for a block's module that clashes with nothing in a torch module.

    Two blocks never share one: "class" becomes "class_", and so "class_" becomes "class__".
    """
    stem = block_id.rstrip("_")
    return f"{block_id}_" if keyword.iskeyword(stem) or stem in _STEMS else block_id
