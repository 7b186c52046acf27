/* SPDX-License-Identifier: Apache-2.0 */

/* Prints the file that is named as the program itself, with ".answer" behind. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	static char text[1 << 20];
	char file[4096];
	ssize_t end = readlink("/proc/self/exe", file, sizeof file - sizeof ".answer");
	if (end < 0)
		return 1;
	strcpy(file + end, ".answer");
	FILE *f = fopen(file, "r");
	if (!f)
		return 1;
	size_t n = fread(text, 1, sizeof text, f);
	return fwrite(text, 1, n, stdout) != n;
}
