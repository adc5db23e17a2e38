"""The local stack is what every other test stands on, so what it promises is tested too."""
