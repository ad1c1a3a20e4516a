# %% [markdown]
# # A first look at a run
#
# Open this file as a notebook: Jupyter (with jupytext), VS Code, PyCharm and Spyder know the lines `# %%` as cells. It
# reads a run that comes with the checkout; name a folder of your own, as `sparring run -o FOLDER` makes one.

# %%
from pathlib import Path

import bench

RUN = Path(bench.__file__).parents[1] / "results" / "first"

# %% [markdown]
# A run is a pandas data frame that shows itself as `sparring table` and `sparring plot frontier` do.

# %%
cells = bench.load(RUN)
cells

# %% [markdown]
# What is made from it is a plain data frame: one row per cell, and every column of `sparring table --json`.

# %%
cells[["passage_set", "retriever", "nDCG@10", "single_p50_ms", "ledger_bytes"]]

# %% [markdown]
# A figure that was not measured is missing, and never 0: a cell that failed has its reason in place of figures.

# %%
measured = cells[cells["status"] == "ok"]
measured["nDCG@10"].describe()

# %% [markdown]
# What each encoder weighs in each storage, in MB.

# %%
(measured.pivot_table("ledger_bytes", "encoder", "storage") / 1e6).round(2)

# %% [markdown]
# How much of a query's time is search, and how sure its p50 is: the ends of the 95 % interval beside it.

# %%
times = measured.set_index("retriever")[["single_p50_low_ms", "single_p50_ms", "single_p50_high_ms"]]
times.assign(search=measured.set_index("retriever")["search_p50_ms"] / times["single_p50_ms"]).round(3)

# %% [markdown]
# The best of each passage set. Whether it is better than the second by more than chance no sorting can say: that is
# `sparring compare`.

# %%
best = measured.sort_values("nDCG@10", ascending=False).groupby("passage_set").first()
best[["retriever", "nDCG@10", "single_p50_ms"]]
