"""HTTP/1.1 with time-outs and body limits, request logging and cancellation."""
