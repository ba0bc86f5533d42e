"""Meta's Graph API for Instagram: as for Messenger, with the differences of the page "Instagram messaging".

https://developers.facebook.com/docs/messenger-platform/instagram/features/send-message
"""

from typing import Any

from support.platforms.facebook import Facebook
from support.platforms.platform import Webhook


class Instagram(Facebook):
    """One Instagram account. Conversations are identified by the Instagram-scoped id of the visitor (IGSID)."""

    name = "instagram"
    object = "instagram"
    max_text = 1000  # docs: Send a Message. "UTF-8, 1000 bytes or less"

    def size(self, text: str) -> int:
        return len(text.encode())

    def problem_of_type(self, given: dict[str, Any]) -> str:
        """Return what is wrong with `messaging_type`, which Instagram does not require."""
        return super().problem_of_type(given) if "messaging_type" in given else ""

    def unknown(self) -> Webhook:
        return self.batch([self.message("1001", "9", is_unsupported=True)])
