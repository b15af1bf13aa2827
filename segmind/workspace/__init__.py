"""The workspace: settings, members, API keys, credentials, audit."""
