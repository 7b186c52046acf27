// SPDX-License-Identifier: Apache-2.0

// Package netifd asks netifd for its interfaces, by the socket of ubusd or by the ubus
// program, and gives the answer as typed values.
//
//	question := netifd.Ask(ctx, "")
//	interfaces, err := question.Answer()
//	if errors.Is(err, netifd.ErrNoUbus) { /* ask the kernel instead */ }
package netifd
