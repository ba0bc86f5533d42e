"""Custom actions: your own Python code that the assistant calls during a conversation.

1. Run `pip install "manent[actions]"`.
2. Write subclasses of rasa_sdk.Action here, and list their names under `actions:` in domain.yml.
3. Uncomment `action_endpoint` in endpoints.yml.
4. Start the server with `manent run --with-actions`.
"""
