"""Custom actions: code of yours that runs in the middle of a conversation.

Write classes of rasa_sdk.Action here, list their names under `actions:` in domain.yml, uncomment `action_endpoint` in
endpoints.yml, and start `manent run actions` beside `manent run` (it needs `pip install "manent[actions]"`).
"""
