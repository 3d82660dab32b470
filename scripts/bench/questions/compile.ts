// compile - a C project built with make: sources and headers in a lower, a search path on which most headers are in the
// last directory, objects and the program in the upper.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hasProgram, Unavailable } from '../command.js'
import type { Question } from '../question.js'

const kIncludeDirs = 5
const kHeaders = 100
const kHeadersPerFile = 25
const kFunctions = 20

export const compile: Question = {
  id: 'compile',
  group: 'life',
  title: 'a C project compiled',
  weight: 7,
  rows: ({ cFiles }) => [{ id: 'make', label: `make of ${cFiles} C files`, unit: 'time' }],
  prepare({ sizes, materials }) {
    if (!hasProgram('gcc') || !hasProgram('make')) throw new Unavailable('gcc or make is not installed')
    const lower = materials.make('compile', 'question', (dir) => makeProject(dir, sizes.cFiles))
    return (run) => {
      const { path } = run.mount({ lowers: [lower], writes: true })
      run.step('make', () => run.command(['make', '-s', '-j2'], { cwd: path }))
    }
  },
}

function makeProject(dir: string, files: number): void {
  const includes = Array.from({ length: kIncludeDirs }, (_, i) => `include/${i}`)
  for (const include of [...includes, 'source']) mkdirSync(join(dir, include), { recursive: true })
  for (let h = 0; h < kHeaders; ++h) {
    writeFileSync(join(dir, `include/${kIncludeDirs - 1}`, `header${h}.h`), `#pragma once\nint function${h}(int);\nstruct type${h} { int a, b; };\n`)
  }
  for (let f = 0; f < files; ++f) writeFileSync(join(dir, 'source', `file${f}.c`), sourceText(f))
  writeFileSync(join(dir, 'source', 'main.c'), 'int main(void) { return 0; }\n')
  const flags = includes.map((include) => `-I${include}`).join(' ')
  const objects = 'objects := $(patsubst %.c,%.o,$(wildcard source/*.c))'
  writeFileSync(join(dir, 'Makefile'), `${objects}\nprogram: $(objects)\n\tgcc -o $@ $^\n%.o: %.c\n\tgcc -O1 -MMD ${flags} -c -o $@ $<\n`)
}

function sourceText(file: number): string {
  const includes = Array.from({ length: kHeadersPerFile }, (_, i) => `#include "header${(file + i) % kHeaders}.h"`)
  const functions = Array.from({ length: kFunctions }, (_, i) => `int work_${file}_${i}(int n) { int s = ${i}; while (n-- > 0) s = s * 31 + n; return s; }`)
  return [...includes, '#include <stdio.h>', '#include <stdlib.h>', '#include <string.h>', ...functions, ''].join('\n')
}
