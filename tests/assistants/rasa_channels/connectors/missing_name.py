from rasa.core.channels.channel import InputChannel, VoiceChannel


class MissingName(InputChannel):
    voice = VoiceChannel
