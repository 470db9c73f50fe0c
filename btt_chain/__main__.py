"""`python -m btt_chain`: the same as the console script `btt-chain`."""

from btt_chain.launcher import main

main()
