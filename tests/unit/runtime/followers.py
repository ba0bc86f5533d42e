"""A subscriber for tests."""

from manent.core.conversation_log import LogEntry
from manent.core.errors import ManentError
from manent.core.events import Json
from manent.runtime.conversation.feed import Committed, Failed, Moved, News, Typing
from manent.runtime.conversation.registry import Conversations


class Follower:
    """A subscriber that keeps all news of a conversation."""

    def __init__(self, conversations: Conversations, sender_id: str = "ada") -> None:
        self.entries: list[LogEntry] = []
        self.told: list[Json] = []
        self.failures: list[ManentError] = []
        self.failed_at: list[tuple[str | None, int | None]] = []
        self.typed: list[bool] = []
        conversations.get(sender_id).subscribers.append(self)

    def notify(self, news: News) -> None:
        """Keep the news."""
        match news:
            case Committed(entries):
                self.entries += entries
            case Typing(on):
                self.typed.append(on)
            case Moved(payload):
                self.told.append(payload)
            case Failed(error, message_id, seq):
                self.failures.append(error)
                self.failed_at.append((message_id, seq))
