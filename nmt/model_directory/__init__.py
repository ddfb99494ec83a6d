"""The model directory, where training and translating meet."""
