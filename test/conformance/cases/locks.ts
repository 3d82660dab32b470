// locks - flock, POSIX record locks and open-file-description locks, within and between processes.
import assert from 'node:assert/strict'
import { family } from '../../helpers/case.js'
import { append, put } from '../../helpers/files.js'
import { F, LOCK, O, posix, withFd } from '../../helpers/posix.js'
import { dir } from '../../helpers/tree.js'

const f = family('locks')
export const locks = f.cases

const EAGAIN = 11
const SOON_MS = 5000
const inChild = (path: string, command: number, type: number, start: number, length: number): number =>
  posix.waitChild(posix.forkLock(path, command, type, start, length), SOON_MS)

f.it('an exclusive flock shuts out another open description', { lower: { a: '' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (one) => {
    withFd(fx.path('a'), O.RDWR, (two) => {
      posix.flock(one, LOCK.EX)
      fx.fails('EAGAIN', () => posix.flock(two, LOCK.EX | LOCK.NB))
      posix.flock(one, LOCK.UN)
      posix.flock(two, LOCK.EX | LOCK.NB)
    })
  })
})

f.it('shared flocks go together, an exclusive one does not join them', { lower: { a: '' } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (one) => {
    withFd(fx.path('a'), O.RDONLY, (two) => {
      posix.flock(one, LOCK.SH)
      posix.flock(two, LOCK.SH | LOCK.NB)
      fx.fails('EAGAIN', () => posix.flock(two, LOCK.EX | LOCK.NB))
    })
  })
})

f.it('a flock on a directory works', { lower: { d: dir() } }, (fx) => {
  withFd(fx.path('d'), O.RDONLY, (one) => {
    withFd(fx.path('d'), O.RDONLY, (two) => {
      posix.flock(one, LOCK.EX)
      fx.fails('EAGAIN', () => posix.flock(two, LOCK.EX | LOCK.NB))
    })
  })
})

f.it('a flock ends with its descriptor', { upper: { a: '' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => { posix.flock(fd, LOCK.EX) })
  withFd(fx.path('a'), O.RDWR, (fd) => { posix.flock(fd, LOCK.EX | LOCK.NB) })
})

f.it('another process meets the flock', { upper: { a: '' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    posix.flock(fd, LOCK.EX)
    assert.equal(inChild(fx.path('a'), 0, LOCK.EX | LOCK.NB, 0, 0), EAGAIN)
  })
  assert.equal(inChild(fx.path('a'), 0, LOCK.EX | LOCK.NB, 0, 0), 0)
})

f.it('a waiting flock is granted when the holder lets go', { upper: { a: '' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    posix.flock(fd, LOCK.EX)
    const child = posix.forkLock(fx.path('a'), 0, LOCK.EX, 0, 0)
    assert.equal(posix.waitChild(child, 150), -1)
    posix.flock(fd, LOCK.UN)
    assert.equal(posix.waitChild(child, SOON_MS), 0)
  })
})

f.it('a process waiting for a lock can be killed', { upper: { a: '' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    posix.flock(fd, LOCK.EX)
    const child = posix.forkLock(fx.path('a'), 0, LOCK.EX, 0, 0)
    assert.equal(posix.waitChild(child, 100), -1)
    process.kill(child, 'SIGKILL')
    assert.equal(posix.waitChild(child, SOON_MS), 128 + 9)
    posix.flock(fd, LOCK.UN)
  })
  withFd(fx.path('a'), O.RDWR, (fd) => { posix.flock(fd, LOCK.EX | LOCK.NB) })
})

f.it('a record lock shuts out the same range of another process only', { lower: { a: 'content' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    posix.fcntlLock(fd, F.SETLK, F.WRLCK, 10, 10)
    assert.equal(inChild(fx.path('a'), F.SETLK, F.WRLCK, 15, 1), EAGAIN)
    assert.equal(inChild(fx.path('a'), F.SETLK, F.WRLCK, 20, 5), 0)
    assert.equal(inChild(fx.path('a'), F.SETLK, F.RDLCK, 10, 1), EAGAIN)
    posix.fcntlLock(fd, F.SETLK, F.UNLCK, 10, 5)
    assert.equal(inChild(fx.path('a'), F.SETLK, F.WRLCK, 10, 5), 0)
    assert.equal(inChild(fx.path('a'), F.SETLK, F.WRLCK, 15, 5), EAGAIN)
  })
})

f.it('read locks of two processes go together', { upper: { a: 'x' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    posix.fcntlLock(fd, F.SETLK, F.RDLCK, 0, 0)
    assert.equal(inChild(fx.path('a'), F.SETLK, F.RDLCK, 0, 0), 0)
    assert.equal(inChild(fx.path('a'), F.SETLK, F.WRLCK, 0, 0), EAGAIN)
  })
})

f.it('a waiting record lock is granted when the holder lets go', { upper: { a: '' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    posix.fcntlLock(fd, F.SETLK, F.WRLCK, 0, 0)
    const child = posix.forkLock(fx.path('a'), F.SETLKW, F.WRLCK, 0, 0)
    assert.equal(posix.waitChild(child, 150), -1)
    posix.fcntlLock(fd, F.SETLK, F.UNLCK, 0, 0)
    assert.equal(posix.waitChild(child, SOON_MS), 0)
  })
})

f.it('closing any descriptor of the file drops the record locks of the process', { upper: { a: '' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    posix.fcntlLock(fd, F.SETLK, F.WRLCK, 0, 0)
    assert.equal(inChild(fx.path('a'), F.SETLK, F.WRLCK, 0, 0), EAGAIN)
    withFd(fx.path('a'), O.RDONLY, () => undefined)
    assert.equal(inChild(fx.path('a'), F.SETLK, F.WRLCK, 0, 0), 0)
  })
})

f.it('open-file-description locks conflict within one process and tell who is in the way', { lower: { a: '' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (one) => {
    withFd(fx.path('a'), O.RDWR, (two) => {
      posix.fcntlLock(one, F.OFD_SETLK, F.WRLCK, 5, 5)
      fx.fails('EAGAIN', () => posix.fcntlLock(two, F.OFD_SETLK, F.WRLCK, 0, 0))
      const found = posix.fcntlLock(two, F.OFD_GETLK, F.WRLCK, 0, 0)
      assert.deepEqual([found.type, found.start, found.length], [F.WRLCK, 5, 5])
      posix.fcntlLock(two, F.OFD_SETLK, F.WRLCK, 0, 5)
    })
  })
})

f.it('a write lock needs a descriptor for writing', { lower: { a: '' } }, (fx) => {
  withFd(fx.path('a'), O.RDONLY, (fd) => { fx.fails('EBADF', () => posix.fcntlLock(fd, F.SETLK, F.WRLCK, 0, 0)) })
})

f.it('a lock taken after copy-up meets one taken by a writer before', { lower: { a: 'x' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    posix.flock(fd, LOCK.EX)
    append(fx.path('a'), 'y')
    assert.equal(inChild(fx.path('a'), 0, LOCK.EX | LOCK.NB, 0, 0), EAGAIN)
  })
})

f.it('a lock does not follow the name to a new file', { upper: { a: 'x', b: 'y' } }, (fx) => {
  withFd(fx.path('a'), O.RDWR, (fd) => {
    posix.flock(fd, LOCK.EX)
    posix.rename(fx.path('b'), fx.path('a'))
    assert.equal(inChild(fx.path('a'), 0, LOCK.EX | LOCK.NB, 0, 0), 0)
    put(fx.path('a'), 'z')
  })
})
