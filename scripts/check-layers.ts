// check-layers - the rules of the house that no compiler checks: who may know whom, who may call what, sizes and names.
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const lineCeiling = 600
const functionCeiling = 100
const longFilesAllowed = new Set(['native/fuse/abi.h'])

// What each room may import, besides itself. docs/DESIGN.md draws the same arrows.
const sourceRooms: Readonly<Record<string, readonly string[]>> = {
  words: [],
  errors: ['words'],
  config: ['words', 'errors'],
  stack: ['words', 'errors', 'config'],
  program: ['words', 'errors', 'config'],
  log: ['words', 'errors', 'config'],
  engine: ['words', 'errors', 'config', 'stack', 'log'],
  index: ['words', 'errors', 'config', 'stack', 'log', 'engine'],
  metrics: ['words', 'errors', 'config', 'stack', 'log', 'engine'],
  transport: ['words', 'errors', 'config', 'stack', 'log', 'engine'],
  mount: ['words', 'errors', 'config', 'stack', 'log', 'engine', 'index', 'metrics', 'transport'],
  cli: ['words', 'errors', 'config', 'stack', 'log', 'engine', 'index', 'metrics', 'mount', 'program'],
  library: ['words', 'errors', 'config', 'stack', 'log', 'engine', 'metrics', 'mount', 'transport'],
}
const nativeRooms: Readonly<Record<string, readonly string[]>> = {
  base: [],
  sys: ['base'],
  layer: ['base', 'sys'],
  index: ['base'],
  survey: ['base', 'sys', 'layer', 'index'],
  overlay: ['base', 'sys', 'layer', 'index', 'survey'],
  fuse: ['base', 'sys', 'layer', 'overlay'],
  binding: ['base', 'sys', 'layer', 'index', 'survey', 'overlay', 'fuse'],
  daemon: ['base', 'sys', 'layer', 'overlay', 'fuse'],
  testing: ['base', 'sys', 'layer', 'index', 'survey', 'overlay', 'fuse'],
  fuzz: ['base', 'sys', 'layer', 'index', 'survey', 'overlay', 'fuse', 'testing'],
  launch: ['base', 'daemon'],
}

// Modules and globals with one home.
const soleImporters: readonly { what: RegExp; home: RegExp; name: string }[] = [
  { what: /from '(pino|pino\/.*)'|import\('pino'\)/, home: /^src\/log\/logger\.ts$/, name: 'pino' },
  { what: /from 'node:module'|unionfs\.node/, home: /^src\/engine\/addon\.ts$/, name: 'the addon' },
  { what: /from '(level|classic-level|abstract-level)'/, home: /^src\/index\/store\.ts$/, name: 'level' },
  { what: /(from |import\(|require\()['"]fuse-native['"]/, home: /^src\/transport\/fuse-native\.ts$/, name: 'fuse-native' },
  { what: /process\.(argv|stdout|stderr|exit\b|exitCode)|console\./, home: /^src\/cli\//, name: 'argv, stdout, stderr and exit' },
]

// Calls into the kernel: only sys makes them. Written with `::` everywhere, which is what finds them.
const systemCall =
  /(?<![\w>])::(accept|access|bind|chdir|chmod|chown|clone\w*|close|connect|copy_file_range|creat|dup\d?|eventfd|exec\w+|f\w*xattr|fallocate|fchmod\w*|fchown\w*|fcntl|fdatasync|flock|fork|fstat\w*|fsync|ftruncate|futimens|getdents\w*|getxattr|ioctl|kill|lgetxattr|link\w*|listxattr|llistxattr|lremovexattr|lseek|lsetxattr|lstat|mkdir\w*|mknod\w*|mmap|mount|mprotect|munmap|open\w*|pipe\d?|poll|ppoll|pread\w*|pwrite\w*|read|readdir|readlink\w*|readv|recv\w*|rename\w*|rmdir|select|send\w*|setfs[ug]id|setxattr|socket\w*|splice|stat|statfs|statx|symlink\w*|sync\w*|syscall|truncate|umask|umount\d?|unlink\w*|unshare|utimensat|vfork|wait\w*|write|writev)\s*\(/
const mayCallTheKernel: readonly { files: RegExp; reason: string }[] = [
  { files: /^native\/sys\//, reason: 'the room for it' },
  { files: /^native\/launch\//, reason: 'the first steps of a process: fork, exec, what it inherits' },
  { files: /^native\/testing\/|^native\/fuzz\/|_test\.(cc|h)$/, reason: 'tests look at the world from outside' },
  { files: /^native\/binding\/(host_)?probe\.cc$/, reason: 'trials nobody else makes, partly in a forked child' },
]

const violations: string[] = []

function report(file: string, line: number, message: string): void {
  violations.push(`${file}:${line}: ${message}`)
}

function filesBelow(dir: string, pattern: RegExp): string[] {
  const found: string[] = []
  for (const entry of readdirSync(join(root, dir), { withFileTypes: true })) {
    const path = `${dir}/${entry.name}`
    if (entry.isDirectory()) found.push(...filesBelow(path, pattern))
    else if (pattern.test(entry.name)) found.push(path)
  }
  return found.sort()
}

function checkCommon(file: string, lines: readonly string[]): void {
  if (lines.length > lineCeiling && !longFilesAllowed.has(file)) report(file, lines.length, `${lines.length} lines; the ceiling is ${lineCeiling}`)
  const first = lines[0]?.startsWith('#!') === true ? (lines[1] ?? '') : (lines[0] ?? '')
  if (!/^(\/\/|\/\*|#) ?\S/.test(first)) report(file, 1, 'the file does not begin with a comment that says its purpose')
  const marker = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].join('|')})\\b`)
  lines.forEach((line, i) => {
    if (marker.test(line)) report(file, i + 1, 'a note to do it later')
  })
}

function roomOf(file: string): string {
  if (file === 'src/index.ts') return 'library' // not the room src/index/
  const [, second = ''] = file.split('/')
  return second.replace(/\.ts$/, '')
}

function checkSource(file: string, lines: readonly string[]): void {
  const room = roomOf(file)
  const allowed = sourceRooms[room]
  if (allowed === undefined) {
    report(file, 1, `room ${room} is not in the table of scripts/check-layers.ts`)
    return
  }
  lines.forEach((line, i) => {
    const specifier = /(?:from|import) ?\(?'(\.[^']+)'/.exec(line)?.[1]
    if (specifier !== undefined) {
      const imported = roomOf(relative(root, resolve(root, dirname(file), specifier)).replace(/\.js$/, '.ts'))
      if (imported !== room && !allowed.includes(imported)) report(file, i + 1, `${room} may not know ${imported}`)
    }
    for (const { what, home, name } of soleImporters) {
      if (what.test(line) && !home.test(file)) report(file, i + 1, `${name} belongs to ${home.source}`)
    }
  })
}

function checkNative(file: string, lines: readonly string[]): void {
  const room = roomOf(file)
  const allowed = nativeRooms[room]
  if (allowed === undefined) {
    report(file, 1, `room ${room} is not in the table of scripts/check-layers.ts`)
    return
  }
  const isTest = /_test\.(cc|h)$/.test(file)
  const mayCall = mayCallTheKernel.some(({ files }) => files.test(file))
  lines.forEach((line, i) => {
    const included = /^#include "([^"/]+)\//.exec(line)?.[1]
    if (included !== undefined && included !== room && !allowed.includes(included) && !(isTest && included === 'testing')) {
      report(file, i + 1, `${room} may not know ${included}`)
    }
    if (line.includes('<napi.h>') && room !== 'binding') report(file, i + 1, 'napi.h belongs to binding')
    const code = line.replace(/\/\/.*/, '')
    if (!mayCall && systemCall.test(code)) report(file, i + 1, `only sys calls the kernel: ${code.trim()}`)
  })
  checkFunctions(file, lines)
}

// A function at file or namespace level ends with a brace in the first column.
function checkFunctions(file: string, lines: readonly string[]): void {
  let start = -1
  lines.forEach((line, i) => {
    if (/^[\w~].*\)[^;]*\{$/.test(line) && !/^(namespace|struct|class|enum|extern)\b/.test(line)) start = i
    else if (line === '}' && start >= 0) {
      if (i - start + 1 > functionCeiling) report(file, start + 1, `a function of ${i - start + 1} lines; the ceiling is ${functionCeiling}`)
      start = -1
    }
  })
}

function checkName(file: string, pattern: RegExp, style: string): void {
  if (!pattern.test(basename(file))) report(file, 1, `the file name is not ${style}`)
}

function read(file: string): string[] {
  return readFileSync(join(root, file), 'utf8').replace(/\n$/, '').split('\n')
}

for (const dir of ['src', 'test', 'scripts']) {
  for (const file of filesBelow(dir, /\.ts$/)) {
    const lines = read(file)
    checkCommon(file, lines)
    checkName(file, /^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/, 'kebab-case')
    if (dir === 'src') checkSource(file, lines)
  }
}
for (const file of filesBelow('native', /\.(cc|h)$/)) {
  const lines = read(file)
  checkCommon(file, lines)
  checkName(file, /^[a-z0-9]+(_[a-z0-9]+)*\.(cc|h)$/, 'snake_case')
  checkNative(file, lines)
}
for (const violation of violations) console.error(violation)
if (violations.length > 0) {
  console.error(`${violations.length} violations`)
  process.exitCode = 1
}
