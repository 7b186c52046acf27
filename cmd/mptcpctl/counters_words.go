// SPDX-License-Identifier: Apache-2.0

package main

// counterTexts says what each counter means: a question, then the counters that
// answer it, in the order of events. The kernel describes them in net/mptcp/mib.h.
// Linux 6.18 has no RcvPruned, which 7.3 has again; MPJoinRejected and some about
// fallbacks are new there, and nine from MPJoinNoIdFound to MD5SigReset in 7.3. It is
// one string because a table of strings would be larger.
const counterTexts = `? Are connections MPTCP?
MPCurrEstab established now, plain TCP included
MPCapableSYNTX requested by this host
MPCapableSYNACKRX accepted by the peer
MPCapableSYNRX requested by a peer
MPCapableACKRX completed by a peer
MPCapableFallbackSYNACK plain TCP: the answer had no MPTCP
MPCapableFallbackACK plain TCP: the peer's ACK had no MPTCP
MPCapableDataFallback plain TCP: the first data had no MPTCP
MPCapableSYNTXDrop plain TCP: no answer to SYNs with MPTCP
MPCapableSYNTXDisabled plain TCP: a path drops MPTCP (Blackhole)
Blackhole MPTCP paused: a path drops it
MPCapableEndpAttempt refused: that port is for joins only
MPFallbackTokenInit plain TCP: no token was free
MD5SigFallback plain TCP: TCP MD5 is in use
TCPAOFallback plain TCP: TCP-AO is in use
SimultConnectFallback plain TCP: both ends connected at once
? Do joins work, and if not, why?
MPJoinSynTx subflows requested by this host
MPJoinSynAckRx accepted by the peer
MPJoinSynRx subflows requested by peers
MPJoinAckRx completed by peers
MPJoinSynTxCreatSkErr not sent: no socket
MPJoinSynTxBindErr not sent: address or device not usable
MPJoinSynTxConnectErr not sent: no route or a similar error
MPJoinSynAckNoMPJoin aborted: the answer had no MPTCP
MPJoinNoTokenFound refused: no such connection here
MPJoinNoIdFound refused: the table of endpoints is full
MPJoinNotEstablished refused: the connection had no data yet
MPJoinRejected refused: over the limit, or closing
MPJoinSynAckHMacFailure aborted: the peer's HMAC is wrong
MPJoinAckNoMPJoin refused: the peer's ACK had no MPTCP
MPJoinAckNoCtx refused: fallen back to plain TCP
MPJoinAckHMacFailure refused: the peer's HMAC is wrong
MPJoinPortSynRx requested by peers at another port
MPJoinPortSynAckRx accepted by the peer at another port
MPJoinPortAckRx completed by peers at another port
MismatchPortSynRx refused: that port was not announced
MismatchPortAckRx refused: that port was not announced
? Are addresses announced and withdrawn?
AddAddrTx announced by this host
EchoAdd confirmed by the peer
AddAddr announced by peers
PortAdd of these, with a port of its own
EchoAddTx confirmed by this host
AddAddrDrop announced by peers, but ignored
AddAddrTxDrop not announced: could not be sent
EchoAddTxDrop not confirmed: could not be sent
RmAddrTx withdrawn by this host
RmAddr withdrawn by peers
RmAddrDrop withdrawn by peers, but ignored
RmAddrTxDrop not withdrawn: could not be sent
RmSubflow subflows closed with their endpoint
? Is data retransmitted over other lines?
MPTCPRetrans segments retransmitted on any line
SubflowStale subflows that made no progress
SubflowRecover of these, back in use
DuplicateData segments received twice
OFOQueue segments received out of order
OFOQueueTail of these, after all others
OFOMerge of these, merged with another
NoDSSInWindow dropped: outside the receive window
RcvPruned dropped: no memory
OFOPruned dropped: out of order, no memory
BacklogDrop dropped: backlog without memory
SndWndShared send window taken from the connection
RcvWndShared receive window taken from the connection
RcvWndConflictUpdate of these, in a race of subflows
RcvWndConflict races of subflows for the window
WinProbe probes of a closed window
? Is backup signalled to peers, and by them?
MPPrioTx priority changes sent to peers
MPPrioRx priority changes received from peers
MPJoinSynBackupRx joins that peers made as backup
MPJoinSynAckBackupRx joins that peers answered as backup
? What went wrong?
MPRstTx subflows reset by this host
MPRstRx subflows reset by peers
MPFastcloseTx connections aborted by this host
MPFastcloseRx connections aborted by peers
MPFailTx wrong checksums reported to peers
MPFailRx wrong checksums reported by peers
DataCsumErr wrong checksums: data changed in transit
InfiniteMapTx plain TCP from then on, by this host
InfiniteMapRx plain TCP from then on, by the peer
DSSNotMatching mappings that contradict an earlier one
DSSNoMatchTCP mappings that do not fit TCP
DSSCorruptionFallback plain TCP: mapping broken
DSSCorruptionReset reset: mapping broken
DssReset reset: mapping missing or bad
MD5SigReset reset: TCP MD5 is in use
DssFallback plain TCP: mapping missing or bad
FallbackFailed reset: too late for plain TCP
`
