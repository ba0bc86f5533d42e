from rasa.core.agent import Agent
from rasa.core.channels.channel import InputChannel


class MissingModule(InputChannel):
    agent = Agent
