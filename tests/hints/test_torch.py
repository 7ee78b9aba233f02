"""The adapter with the real `DataLoader`: collected where PyTorch is installed (`make test-torch` installs it)."""

import json
import sys

import pytest

from tests.hints.conftest import FILES, NAMES, fetched, status
from vfs.testing.latency import LateServer
from vfs.testing.mounts import Mount

pytestmark = [pytest.mark.fuse, pytest.mark.slow]

SCRIPT = """
import json, sys, warnings
warnings.simplefilter("ignore")
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, DistributedSampler, RandomSampler
from vfs.hints.torch import HintedSampler

root, names = sys.argv[1], sys.argv[2:]

class Files(Dataset):
    def __len__(self):
        return len(names)
    def __getitem__(self, index):
        with open(f"{root}/data/{names[index]}", "rb") as file:
            return index, len(file.read())

def path_of(index):
    return f"data/{names[index]}"

def indices(loader):
    return [int(i) for batch, _ in loader for i in batch]

files, found = Files(), {}
drawn = lambda: RandomSampler(files, generator=torch.Generator().manual_seed(7))
with_workers = dict(batch_size=8, num_workers=2, persistent_workers=True, prefetch_factor=2)
plain = DataLoader(files, sampler=drawn(), **with_workers)
hinted_sampler = HintedSampler(drawn(), path_of, mount=root, ahead=64, trail=32)
hinted = DataLoader(files, sampler=hinted_sampler, **with_workers)
found["hinted"] = [indices(hinted) for _ in range(2)]
found["figures"] = hinted_sampler._prefetcher.figures
found["plain"] = [indices(plain) for _ in range(2)]
torch.manual_seed(3); a = indices(DataLoader(files, sampler=RandomSampler(files), batch_size=4))
torch.manual_seed(3); b = indices(DataLoader(files, sampler=HintedSampler(RandomSampler(files), path_of, mount=root), batch_size=4))
found["global random state"] = a == b
ranks = []
for rank in range(2):
    sampler = HintedSampler(DistributedSampler(files, 2, rank, seed=5), path_of, mount=root)
    sampler.set_epoch(1)
    ranks.append(indices(DataLoader(files, sampler=sampler, batch_size=10, num_workers=1)))
    sampler.close()
found["ranks"] = ranks
batches = HintedSampler(BatchSampler(drawn(), 8, drop_last=False), path_of, mount=root)
found["batches"] = indices(DataLoader(files, batch_sampler=batches, num_workers=2))
batches.close()
resumed = HintedSampler(drawn(), path_of, mount=root)
resumed.load_state_dict({"yielded": 120})
found["resumed"] = indices(DataLoader(files, sampler=resumed, batch_size=8))
resumed.close()
hinted_sampler.close()
print(json.dumps(found))
"""


def test_data_loaders(mount: Mount, late: LateServer) -> None:
    done = mount.sandbox.run([sys.executable, "-c", SCRIPT, mount.path, *NAMES], timeout=280)
    found = json.loads(done.stdout)
    everything = list(range(len(FILES)))
    assert found["hinted"] == found["plain"]
    assert [sorted(epoch) for epoch in found["hinted"]] == [everything, everything]
    assert found["global random state"]
    assert sorted(found["ranks"][0] + found["ranks"][1]) == everything
    assert found["batches"] == found["hinted"][0]
    assert found["resumed"] == found["hinted"][0][120:]
    assert fetched(late) == len(FILES)
    assert found["figures"]["run"] == 2
    told = status(mount)
    assert told["orders"] == []
    assert told["transfer"]["bytes_read_ahead"] > told["transfer"]["bytes_demand"]
