"""Networks that correct the stack of views."""

from typing import TYPE_CHECKING

from cadc.configuration.public_names import lazily

if TYPE_CHECKING:
    from cadc.models.on_views.base import ViewBase
    from cadc.models.on_views.view_network import ViewNetwork
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = ["ViewBase", "ViewNetwork"]
