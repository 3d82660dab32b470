# Compiles C programs (one of several files, one static), runs them, and checks what they print.
work=${1:-/root/compile}
rm -rf "$work"
mkdir -p "$work"
cd "$work"
cat >main.c <<'C'
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
int triple(int);
int main(int argc, char** argv) {
  double root = sqrt((double)triple(argc > 1 ? atoi(argv[1]) : 3));
  return printf("root=%.3f\n", root) > 0 ? 0 : 1;
}
C
echo 'int triple(int value) { return 3 * value; }' >triple.c
gcc -O2 -Wall -Werror -c triple.c
ar rcs libtriple.a triple.o
gcc -O2 -Wall -Werror main.c -L. -ltriple -lm -o program
test "$(./program 27)" = root=9.000
gcc -O2 -shared -fPIC triple.c -o libshared.so
gcc -O2 main.c -L. -lshared -lm -Wl,-rpath,"$work" -o program-shared
test "$(./program-shared 12)" = root=6.000
gcc -O0 -g -static main.c triple.c -lm -o program-static
strip program-static
test "$(./program-static 3)" = root=3.000
