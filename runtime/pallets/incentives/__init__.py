"""Incentives: points for confirmed activities, backed before they exist and not traceable."""
