"""Programs in the style of asyncio's first documentation: no coroutines, a loop that is run and stopped by hand."""
