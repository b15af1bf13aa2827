"""What a person sees: the frame, the pages' cached reads, charts and components."""
