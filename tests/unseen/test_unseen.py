"""Repositories of kinds that no rule was written for: everything that is in them is found at its place, and nothing that only looks so."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from mlsbom.model import Component, Graph, Kind
from mlsbom.policy.profile import load_profile
from mlsbom.scan import scan
from tests.unseen.make_repos import Item, Repo, repos
