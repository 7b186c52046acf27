// SPDX-License-Identifier: Apache-2.0

package ubus

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// Type is the type of a value (enum blobmsg_type in blobmsg.h). The zero value is that
// of a Value that does not exist.
type Type uint8

// The types. A boolean is an Int8.
const (
	Array  Type = 1
	Table  Type = 2
	String Type = 3
	Int64  Type = 4
	Int32  Type = 5
	Int16  Type = 6
	Int8   Type = 7
	Double Type = 8
)

// Value is a value of an answer: a table, a list, or one of their items. The zero
// Value does not exist. Reading a value as another type than its own gives the zero
// value of that type.
type Value struct {
	typ  Type
	data []byte // without header, name and padding; checked
}

// Type is 0 for a value that does not exist.
func (v Value) Type() Type { return v.typ }

// Text is a string.
func (v Value) Text() string {
	if v.typ != String {
		return ""
	}
	return string(v.data[:len(v.data)-1])
}

// Bool reports whether a boolean is true.
func (v Value) Bool() bool { return v.typ == Int8 && v.data[0] != 0 }

// Int is a whole number of any size. Those that the sender means as unsigned are
// negative from half of their range up: the wire does not tell.
func (v Value) Int() int64 {
	switch v.typ {
	case Int64:
		return int64(binary.BigEndian.Uint64(v.data))
	case Int32:
		return int64(int32(binary.BigEndian.Uint32(v.data)))
	case Int16:
		return int64(int16(binary.BigEndian.Uint16(v.data)))
	case Int8:
		return int64(int8(v.data[0]))
	}
	return 0
}

// Items are the items of a table or a list in their order, each with its name, which
// is empty in a list.
func (v Value) Items() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if v.typ != Table && v.typ != Array {
			return
		}
		for rest := v.data; len(rest) > 0; {
			a, after, _ := cut(rest) // it was checked
			name, item, _ := a.item()
			if !yield(string(name), item) {
				return
			}
			rest = after
		}
	}
}

// Get is the first item of that name in a table; one that does not exist is the zero
// Value.
func (v Value) Get(name string) Value {
	if v.typ != Table {
		return Value{}
	}
	// A dump is looked through for every key of every table in it: what has another name
	// is stepped over by the two lengths, which were checked.
	for rest := v.data; len(rest) > attrHeader+1; {
		at := attrHeader + 2
		size := int(rest[attrHeader])<<8 | int(rest[attrHeader+1])
		if size == len(name) && string(rest[at:at+size]) == name {
			a, _, _ := cut(rest)
			_, item, _ := a.item()
			return item
		}
		rest = rest[min(padded(int(rest[1])<<16|int(rest[2])<<8|int(rest[3])), len(rest)):]
	}
	return Value{}
}

// An attribute has a header of 32 bits: the flag of an extended one, 7 bits of id, 24
// bits of length, header included (BLOB_ATTR_EXTENDED, BLOB_ATTR_ID_MASK and
// BLOB_ATTR_LEN_MASK in blob.h). The next one begins at a multiple of 4 bytes.
const (
	attrHeader   = 4
	attrExtended = 1 << 31
	attrIDShift  = 24
	attrIDMask   = 0x7f
	attrLenMask  = 1<<24 - 1
	attrAlign    = 4
)

// attr is an attribute; data is what follows the header, without padding.
type attr struct {
	id       uint8
	extended bool
	data     []byte
}

// cut takes the first attribute from b.
func cut(b []byte) (a attr, rest []byte, err error) {
	if len(b) < attrHeader {
		return a, nil, fmt.Errorf("%w: %d bytes where an attribute should begin", ErrProtocol, len(b))
	}
	head := binary.BigEndian.Uint32(b)
	size := int(head & attrLenMask)
	if size < attrHeader || size > len(b) {
		return a, nil, fmt.Errorf("%w: an attribute of %d bytes in %d", ErrProtocol, size, len(b))
	}
	a = attr{id: uint8(head >> attrIDShift & attrIDMask), extended: head&attrExtended != 0, data: b[attrHeader:size]}
	return a, b[min(padded(size), len(b)):], nil
}

func padded(size int) int { return (size + attrAlign - 1) &^ (attrAlign - 1) }

// item reads an extended attribute: 16 bits of length of the name, the name, a NUL, and
// after padding the value (struct blobmsg_hdr in blobmsg.h).
func (a attr) item() (name []byte, v Value, err error) {
	if !a.extended || len(a.data) < 2 {
		return nil, v, fmt.Errorf("%w: an item without name", ErrProtocol)
	}
	size := int(binary.BigEndian.Uint16(a.data))
	begin := padded(2 + size + 1)
	if begin > len(a.data) || a.data[2+size] != 0 {
		return nil, v, fmt.Errorf("%w: the name of an item is longer than the item", ErrProtocol)
	}
	return a.data[2 : 2+size], Value{Type(a.id), a.data[begin:]}, nil
}

// maxDepth bounds how deep tables and lists may be in each other. netifd needs six.
const maxDepth = 32

// sizes are the bytes of the types that have always as many.
var sizes = [...]int{Int64: 8, Int32: 4, Int16: 2, Int8: 1, Double: 8}

// check reports what is wrong with a value and all that is in it, so that reading it
// cannot fail. The length of the message bounds how many items there are.
func (v Value) check(depth int) error {
	size := 0
	if int(v.typ) < len(sizes) {
		size = sizes[v.typ]
	}
	switch {
	case v.typ == String:
		if len(v.data) == 0 || v.data[len(v.data)-1] != 0 {
			return fmt.Errorf("%w: a string without end", ErrProtocol)
		}
		return nil
	case size > 0:
		if len(v.data) != size {
			return fmt.Errorf("%w: %d bytes where type %d has %d", ErrProtocol, len(v.data), v.typ, size)
		}
		return nil
	case v.typ == 0: // JSON's null
		return nil
	case v.typ != Table && v.typ != Array:
		return fmt.Errorf("%w: type %d", ErrProtocol, v.typ)
	case depth == maxDepth:
		return fmt.Errorf("%w: more than %d tables in each other", ErrProtocol, maxDepth)
	}
	for rest := v.data; len(rest) > 0; {
		a, after, err := cut(rest)
		if err != nil {
			return err
		}
		_, item, err := a.item()
		if err == nil {
			err = item.check(depth + 1)
		}
		if err != nil {
			return err
		}
		rest = after
	}
	return nil
}
