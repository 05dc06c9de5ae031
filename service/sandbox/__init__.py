"""A pretend phone network and mailbox behind the real Twilio SDK and the real SMTP client."""
