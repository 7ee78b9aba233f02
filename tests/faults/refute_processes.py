import sys, random, os, time, multiprocessing as mp, logging
sys.path.insert(0,"/tmp/h/s6/engA")
logging.disable(logging.CRITICAL)
from pathlib import Path
D=Path(sys.argv[1]); SECS=float(sys.argv[2])
from tests.unit.transfer.bench import MIB, blob_of, content_of, Limits, key_of
CONTENT=content_of(9*MIB); LIES=bytearray(CONTENT)
for n in range(0,36,3): LIES[n<<18]^=1
LIES=bytes(LIES)
OURS, THEIRS = b"ours".ljust(16), b"theirs".ljust(16)
def work(k, seed, q):
    import trio
    from vfs.store import ChunkStore
    from vfs.transfer import Fetcher
    from vfs.testing.places import FaultyPlace
    import vfs.transfer.failures as F, vfs.transfer.engine as E
    F.RETRY_MISMATCH=E.RETRY_MISMATCH=0.05
    scope=OURS if k%2==0 else THEIRS
    rnd=random.Random(seed)
    async def main():
        store=ChunkStore.open(D/"chunks",limit=14*MIB,min_free=0,capacity=MIB)
        place=FaultyPlace(CONTENT if k%2==0 else LIES,etag="e%d"%(k%2))
        blob=blob_of(CONTENT,scope)
        f=Fetcher(store,Limits(deadline=20.0),scope=scope)
        n=bad=err=0
        until=time.monotonic()+SECS
        async with trio.open_nursery() as nur:
            await nur.start(f.run)
            while time.monotonic()<until:
                k2=rnd.random()
                try:
                    if k2<0.05: await trio.to_thread.run_sync(store.evict)
                    elif k2<0.0 : await trio.to_thread.run_sync(store.clear)
                    elif k2<0.2: await trio.to_thread.run_sync(store.maintain); f.heed(lambda:[blob])
                    elif k2<0.35: await f.verify(blob,lambda:[place]); n+=1
                    else:
                        o=rnd.randrange(len(CONTENT)); l=rnd.choice([10,MIB,4*MIB])
                        d=bytes(await f.read(blob,lambda:[place],o,l)); n+=1
                        if k%2==0 and d!=CONTENT[o:o+l]: bad+=1
                except Exception as e:
                    if k%2==0:
                        err+=1; q.put(("err",k,repr(e)[:200]))
            nur.cancel_scope.cancel()
        store.close()
        q.put(("done",k,n,bad,err))
    trio.run(main)
if __name__=="__main__":
    mp.set_start_method("spawn"); q=mp.Queue()
    t0=time.monotonic(); r=0
    ps=[mp.Process(target=work,args=(k,k,q)) for k in range(4)]
    for p in ps: p.start()
    rnd=random.Random(5); kills=0
    while time.monotonic()-t0<SECS-8:
        time.sleep(rnd.random()*3)
        i=rnd.randrange(4); ps[i].kill(); ps[i].join(); kills+=1
        ps[i]=mp.Process(target=work,args=(i,100+kills,q)); ps[i].start()
        SECS2=SECS
        if time.monotonic()-t0>SECS: break
    end=time.monotonic()+SECS+30
    while any(p.is_alive() for p in ps) and time.monotonic()<end: time.sleep(0.2)
    for p in ps: p.kill()
    while not q.empty(): print(q.get())
    print("kills",kills)
    from vfs.store import ChunkStore
    s=ChunkStore.open(D/"chunks",limit=14*MIB,min_free=0,capacity=MIB)
    b=blob_of(CONTENT,OURS); wrong=have=0
    for n in range(36):
        e=s.locate(b.proven_key+n.to_bytes(4,"big"))
        if e:
            have+=1
            wrong+= s.read(e,0,1<<18)!=CONTENT[n<<18:][:1<<18]
    print("proven",have,"wrong",wrong,"verdicts",s.verdict(b.key),s.verdict(b.proven_key), s.statistics())
