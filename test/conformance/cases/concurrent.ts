// concurrent - several processes at work in the same tree at the same time.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { family } from '../../helpers/case.js'
import { fillBytes, lstatSize, names, text } from '../../helpers/files.js'
import { O, posix, withFd } from '../../helpers/posix.js'
import { dir, file, type Tree } from '../../helpers/tree.js'

const f = family('concurrent')
export const concurrent = f.cases

const shell = (script: string): Promise<string> => new Promise((resolve) => {
  const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'ignore', 'pipe'] })
  let complaint = ''
  child.stderr.on('data', (chunk: Buffer) => { complaint += chunk.toString() })
  child.once('close', (code) => { resolve(code === 0 ? complaint : `exit ${String(code)} ${complaint}`) })
})

async function all(scripts: string[]): Promise<void> {
  assert.deepEqual((await Promise.all(scripts.map(shell))).filter((complaint) => complaint !== ''), [])
}

const eight = Array.from({ length: 8 }, (_, i) => i)
const many = (count: number): Tree => Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, `${i}`]))

f.it('eight processes appending to one lower file lose no line', { lower: { log: 'start\n' } }, async (fx) => {
  await all(eight.map((i) => `for n in $(seq 50); do echo "line ${i} $n" >> ${fx.path('log')}; done`))
  const lines = text(fx.path('log')).trim().split('\n')
  assert.equal(new Set(lines).size, 401)
})

f.it('a file that eight processes copy up at once is copied whole, once', { lower: { big: file(fillBytes(3 << 20)) } }, async (fx) => {
  await all(eight.map((i) => `printf ${i} | dd of=${fx.path('big')} bs=1 seek=$((3145728 + ${i})) conv=notrunc status=none`))
  const content = withFd(fx.path('big'), O.RDONLY, (fd) => posix.pread(fd, 4 << 20, 0))
  assert.equal(content.subarray(3 << 20).toString(), '01234567')
  assert.ok(content.subarray(0, 3 << 20).equals(fillBytes(3 << 20)))
})

f.it('eight processes creating in one lower directory make it once and lose nothing', { lower: { d: dir({ e: dir({ z: '' }) }) } }, async (fx) => {
  await all(eight.map((i) => `for n in $(seq 40); do echo x > ${fx.path('d/e')}/${i}-$n; done`))
  assert.equal(names(fx.path('d/e')).length, 321)
})

f.it('only one of eight exclusive creations over a whiteout wins', { lower: { a: 'x' } }, async (fx) => {
  posix.unlinkat(fx.path('a'))
  await all(eight.map((i) => `mkdir ${fx.path('a')} 2>/dev/null && echo ${i} > ${fx.path('a')}/$$ || true`))
  assert.equal(names(fx.path('a')).length, 1)
})

f.it('removing a lower tree by four processes at once removes all of it', { lower: { t: dir({ a: dir(many(60)), b: dir(many(60)), c: dir(many(60)) }) } }, async (fx) => {
  await all([1, 2, 3, 4].map(() => `rm -rf ${fx.path('t')} 2>/dev/null || true`))
  await shell(`rm -rf ${fx.path('t')}`)
  assert.deepEqual(names(fx.root), [])
  fx.upperIs(['t whiteout'])
})

f.it('renames back and forth by two processes never lose a file', { lower: { d: dir({ a: 'A' }), e: dir({ b: 'B' }) } }, async (fx) => {
  await all([
    `for n in $(seq 60); do mv ${fx.path('d/a')} ${fx.path('e/a')}; mv ${fx.path('e/a')} ${fx.path('d/a')}; done`,
    `for n in $(seq 60); do mv ${fx.path('e/b')} ${fx.path('d/b')}; mv ${fx.path('d/b')} ${fx.path('e/b')}; done`,
  ])
  assert.equal(text(fx.path('d/a')) + text(fx.path('e/b')), 'AB')
  assert.deepEqual([names(fx.path('d')), names(fx.path('e'))], [['a'], ['b']])
})

f.it('a reader of a file sees every byte while it is copied up and replaced', { lower: { a: file('A'.repeat(200_000)) }, needs: ['atomic-replace'] }, async (fx) => {
  await all([
    `for n in $(seq 40); do test $(wc -c < ${fx.path('a')}) -ge 200000 || exit 1; done`,
    `for n in $(seq 20); do printf x >> ${fx.path('a')}; cp ${fx.path('a')} ${fx.path('n')}; mv ${fx.path('n')} ${fx.path('a')}; done`,
  ])
  assert.equal(lstatSize(fx.path('a')), 200_020)
})

f.it('directory listings by four processes during changes never fail', { lower: { d: dir(many(300)) } }, async (fx) => {
  await all([
    ...[1, 2, 3].map(() => `for n in $(seq 15); do ls -f ${fx.path('d')} > /dev/null || exit 1; done`),
    `for n in $(seq 100); do rm ${fx.path('d')}/f$n; echo > ${fx.path('d')}/g$n; done`,
  ])
  assert.equal(names(fx.path('d')).length, 300)
})
