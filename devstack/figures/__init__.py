"""What the services count, as a page with a line for each figure; nothing but the platform is needed for it."""
