"""Other chat servers, as their own documents tell to write them, to be measured beside ours."""
