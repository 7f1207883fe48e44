"""What Tradewind is compared with: the same work on the bare libraries, written as fast as we know how.

These files came first and are not touched to make a row look better; only a column or an address follows what it
copies. They run as ``uvicorn --http httptools --loop uvloop --no-access-log``, one process, like a service of ours.
"""
