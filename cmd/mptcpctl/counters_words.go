// SPDX-License-Identifier: Apache-2.0

package main

// counterTexts says what each counter means: a question, then the counters that
// answer it, in the order of events. net/mptcp/mib.h has the kernel's own words.
// RcvPruned is gone in 6.18, some of fall-backs and MPJoinRejected are new there.
// One string, since a table of strings would be larger.
const counterTexts = `? Are connections MPTCP?
MPCurrEstab established now
MPCapableSYNTX asked for by this host
MPCapableSYNACKRX agreed to by the peer
MPCapableSYNRX asked for by a peer
MPCapableACKRX made by a peer
MPCapableFallbackSYNACK plain TCP: the answer had no MPTCP
MPCapableFallbackACK plain TCP: the peer's ACK had no MPTCP
MPCapableDataFallback plain TCP: the first data had no MPTCP
MPCapableSYNTXDrop plain TCP: no answer to SYNs with MPTCP
MPCapableSYNTXDisabled plain TCP: a path drops MPTCP (Blackhole)
Blackhole MPTCP off for a while: a path drops it
MPCapableEndpAttempt refused: that port is for joins only
MPFallbackTokenInit plain TCP: no token was free
MD5SigFallback plain TCP: TCP MD5 is in use
SimultConnectFallback plain TCP: both ends connected at once
? Do joins work, and if not, why?
MPJoinSynTx subflows asked for by this host
MPJoinSynAckRx accepted by the peer
MPJoinSynRx subflows asked for by peers
MPJoinAckRx made by peers
MPJoinSynTxCreatSkErr not sent: no socket
MPJoinSynTxBindErr not sent: address or device not usable
MPJoinSynTxConnectErr not sent: no route, or a like error
MPJoinNoTokenFound refused: no such connection here
MPJoinRejected refused: over the limit, or closing
MPJoinSynAckHMacFailure broken off: the peer's key is wrong
MPJoinAckHMacFailure refused: the peer's key is wrong
MPJoinPortSynRx asked for by peers at another port
MPJoinPortSynAckRx accepted by the peer at another port
MPJoinPortAckRx made by peers at another port
MismatchPortSynRx refused: that port was not announced
MismatchPortAckRx refused: that port was not announced
? Are addresses announced and withdrawn?
AddAddrTx announced by this host
EchoAdd confirmed by the peer
AddAddr announced by peers
PortAdd of these, with a port of its own
EchoAddTx confirmed by this host
AddAddrDrop announced by peers, but not taken
AddAddrTxDrop not announced: could not be sent
EchoAddTxDrop not confirmed: could not be sent
RmAddrTx withdrawn by this host
RmAddr withdrawn by peers
RmAddrDrop withdrawn by peers, but not taken
RmAddrTxDrop not withdrawn: could not be sent
RmSubflow subflows closed with their endpoint
? Is data sent again over other lines?
MPTCPRetrans segments sent again on any line
SubflowStale subflows that made no progress
SubflowRecover of these, back in use
DuplicateData segments that came twice
OFOQueue segments that came out of order
OFOQueueTail of these, behind all others
OFOMerge of these, merged with another
NoDSSInWindow dropped: outside the receive window
RcvPruned dropped: no memory
SndWndShared send window taken from the connection
RcvWndShared receive window taken from the connection
RcvWndConflictUpdate of these, in a race of subflows
RcvWndConflict races of subflows for the window
WinProbe probes of a closed window
? Is backup told to peers, and by them?
MPPrioTx changes of priority told to peers
MPPrioRx changes of priority told by peers
MPJoinSynBackupRx joins that peers made as backup
MPJoinSynAckBackupRx joins that peers answered as backup
? What went wrong?
MPRstTx subflows reset by this host
MPRstRx subflows reset by peers
MPFastcloseTx connections aborted by this host
MPFastcloseRx connections aborted by peers
MPFailTx wrong checksums told to peers
MPFailRx wrong checksums told by peers
DataCsumErr wrong checksums: data changed on the way
InfiniteMapTx plain TCP from then on, by this host
InfiniteMapRx plain TCP from then on, by the peer
DSSNotMatching mappings that contradict an earlier one
DSSNoMatchTCP mappings that do not fit TCP
DSSCorruptionFallback plain TCP: mapping broken
DSSCorruptionReset reset: mapping broken
DssFallback plain TCP: mapping missing or bad
FallbackFailed reset: too late for plain TCP
`
