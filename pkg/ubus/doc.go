// SPDX-License-Identifier: Apache-2.0

// Package ubus is a client of ubusd, OpenWrt's message bus: it invokes a method
// without arguments, and gives the answer as typed values.
//
//	c, err := ubus.Dial(ctx, "/var/run/ubus/ubus.sock", 5*time.Second)
//	err = c.Invoke("network.interface", "dump")
//	answer, err := c.Answer() // answer.Get("interface").Items()
//
// The messages are those of ubus (ubusmsg.h) in the blob attributes of libubox
// (blob.h, blobmsg.h). Everything on the wire is big endian. What is not of that form
// is ErrProtocol; a status of the bus other than success is a Status.
package ubus
