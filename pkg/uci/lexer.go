// SPDX-License-Identifier: Apache-2.0

package uci

import "bytes"

// The lexer follows libuci's file.c to the letter, including what looks like
// accidents there, because a file must mean the same to netifd and to mptcpctl:
//   - a ";" ends a command, but one that follows an unquoted word directly ends
//     the line: "option a b; option c d" sets only a;
//   - a "#" starts a comment even inside an unquoted word;
//   - a NUL byte hides the rest of what was read of its line, the newline too.

// lexer cuts input into logical lines and those into words and arguments. A
// logical line grows while it is read, whenever a backslash or an open quote
// is at the end of what is there.
type lexer struct {
	in   []byte // not read yet
	eof  bool   // a read has met the end of the input
	buf  []byte // the current logical line
	pos  int    // index into buf
	size int    // what libuci's line buffer would have grown to
	line int    // newlines read so far
	// first is the number of the current logical line's first line.
	first int
	// open says that the current logical line would have gone on, but for the end of
	// the input.
	open bool
}

// bufferStart is the size of libuci's line buffer before it grows (LINEBUF in
// file.c). Sizes matter only for lines that hold a NUL byte.
const bufferStart = 32

// bufferLimit stops the doubling well above MaxSize, where it has no effect.
const bufferLimit = 1 << 30

// next moves to the next logical line that is not empty. It returns false at the
// end of the input.
func (l *lexer) next() bool {
	for !l.eof {
		l.begin()
		if len(l.buf) > 0 {
			return true
		}
	}
	return false
}

// begin moves to the next logical line, be it empty.
func (l *lexer) begin() {
	l.first = l.line + 1
	l.open = false
	l.pos = 0
	l.fill()
}

// fill replaces everything from the current position on by the next line of the
// input. Where there is none, the logical line ends here.
func (l *lexer) fill() {
	l.buf = l.buf[:l.pos]
	if l.size == 0 {
		l.size = bufferStart
	}
	if l.pos >= l.size-1 {
		l.grow()
	}
	for {
		chunk := l.gets(l.size - len(l.buf) - 1)
		text, _, _ := bytes.Cut(chunk, []byte{0})
		l.buf = append(l.buf, text...)
		if len(text) == 0 || text[len(text)-1] == '\n' {
			return
		}
		l.grow()
	}
}

// grow doubles the buffer, within what an int holds on 32 bits.
func (l *lexer) grow() {
	if l.size < bufferLimit {
		l.size *= 2
	}
}

// gets reads up to n bytes, but not beyond a newline, as C's fgets.
func (l *lexer) gets(n int) []byte {
	if i := bytes.IndexByte(l.in[:min(n, len(l.in))], '\n'); i >= 0 {
		n = i + 1
		l.line++
	}
	if n > len(l.in) {
		n = len(l.in)
		l.eof = true
	}
	chunk := l.in[:n]
	l.in = l.in[n:]
	return chunk
}

// at returns the byte at index i of the logical line, 0 behind its end.
func (l *lexer) at(i int) byte {
	if i >= len(l.buf) {
		return 0
	}
	return l.buf[i]
}

func (l *lexer) cur() byte { return l.at(l.pos) }

// rest reports whether anything is left of the logical line.
func (l *lexer) rest() bool { return l.pos < len(l.buf) }

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func (l *lexer) skipSpace() {
	for isSpace(l.cur()) {
		l.pos++
	}
}

// word returns the next word up to a blank or tab, the empty string at the end of
// the line, and whether a blank or tab follows. Quotes mean nothing here, and a
// newline is part of the word.
func (l *lexer) word() (word string, followed bool) {
	for l.cur() == ' ' || l.cur() == '\t' {
		l.pos++
	}
	start := l.pos
	for l.pos < len(l.buf) && l.buf[l.pos] != ' ' && l.buf[l.pos] != '\t' {
		l.pos++
	}
	word = string(l.buf[start:l.pos])
	if followed = l.pos < len(l.buf); followed {
		l.pos++
	}
	return word, followed
}

// arg returns the next argument with its quotes and backslashes taken off, the
// empty string if there is none. The error is ErrUnterminated.
func (l *lexer) arg() (string, error) {
	l.skipSpace()
	if l.cur() == ';' {
		l.pos++
		return "", nil
	}
	var value []byte
	var err error
	start := l.pos
	for l.rest() && !isSpace(l.cur()) {
		switch c := l.cur(); c {
		case '\'', '"':
			if value, err = l.quoted(value, c); err != nil {
				return "", err
			}
		case '#':
			l.buf = l.buf[:l.pos]
		case ';':
			// libuci ends the value with a NUL byte in its line buffer. If no
			// quote or backslash was taken off, that is where the ";" is.
			if start+len(value) == l.pos {
				l.buf = l.buf[:l.pos]
			}
			return string(value), nil
		case '\\':
			if l.escaped() {
				value = l.take(value)
			}
		default:
			value = l.take(value)
		}
	}
	if l.rest() {
		l.pos++
	}
	return string(value), nil
}

// quoted appends what comes before the closing quote, and skips that. A
// backslash means something between double quotes only.
func (l *lexer) quoted(value []byte, quote byte) ([]byte, error) {
	l.pos++
	for {
		switch c := l.cur(); {
		case c == quote:
			l.pos++
			return value, nil
		case !l.rest():
			l.more()
			if l.open {
				return nil, ErrUnterminated
			}
		case c == '\\' && quote == '"':
			if l.escaped() {
				value = l.take(value)
			}
		default:
			value = l.take(value)
		}
	}
}

func (l *lexer) take(value []byte) []byte {
	value = append(value, l.cur())
	l.pos++
	return value
}

// escaped skips a backslash and reports whether a character follows it. At
// the end of a line it joins the next line instead.
func (l *lexer) escaped() bool {
	l.pos++
	tail := l.buf[l.pos:]
	if len(tail) == 0 || tail[0] == '\n' || string(tail) == "\r\n" {
		l.more()
		return false
	}
	return true
}

// more continues the logical line with the next line.
func (l *lexer) more() {
	l.fill()
	l.open = !l.rest()
}
