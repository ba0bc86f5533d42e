"""Stand-ins for `rasa.utils.common`."""

from manent.rasa_names.shared.utils.common import (
    all_subclasses,
    class_from_module_path,
    lazy_property,
    mark_as_experimental_feature,
    raise_warning,
)

__all__ = ["all_subclasses", "class_from_module_path", "lazy_property", "mark_as_experimental_feature", "raise_warning"]
