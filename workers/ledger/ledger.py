"""The record as its users see it."""

from workers.ledger.account import Account
from workers.ledger.approvals import Approvals
from workers.ledger.asset_types import AssetTypes
from workers.ledger.audit import Audit
from workers.ledger.audit_log import AuditLog
from workers.ledger.budget import RequestBudget
from workers.ledger.callbacks import Callbacks
from workers.ledger.deletions import Deletions
from workers.ledger.deliveries import Deliveries
from workers.ledger.heartbeats import Heartbeats
from workers.ledger.holds import Holds
from workers.ledger.hosts import Hosts
from workers.ledger.in_force import InForce
from workers.ledger.leases import Leases
from workers.ledger.listing import Listing
from workers.ledger.notices import Notices
from workers.ledger.overview import Overviews
from workers.ledger.protections import Protections
from workers.ledger.quarantine import Quarantine
from workers.ledger.registers import Registers
from workers.ledger.replays import Replays
from workers.ledger.results import Results
from workers.ledger.sources import Sources
from workers.ledger.spools import Spools
from workers.ledger.stop_switch import StopSwitch
from workers.ledger.store import Store
from workers.ledger.sweeps import Sweeps
from workers.ledger.ticks import Ticks
from workers.ledger.views import Views


class Ledger:
    """The parts of the record over one connection."""

    def __init__(self, store: Store, *, base_url: str = "") -> None:
        self.store = store
        self.deliveries = Deliveries(store)
        self.deletions = Deletions(store)
        self.leases = Leases(store)
        self.views = Views(store)
        self.overviews = Overviews(store)
        self.results = Results(store)
        self.approvals = Approvals(store)
        self.listing = Listing(store, self.deletions, self.deliveries)
        self.callbacks = Callbacks(store)
        self.hosts = Hosts(store)
        self.asset_types = AssetTypes(store)
        self.budget = RequestBudget(store)
        self.quarantine = Quarantine(store)
        self.holds = Holds(store)
        self.sources = Sources(store)
        self.heartbeats = Heartbeats(store)
        self.in_force = InForce(store)
        self.audit = Audit(store)
        self.audit_log = AuditLog(store)
        self.notices = Notices(store)
        self.ticks = Ticks(store)
        self.protections = Protections(store)
        self.registers = Registers(store)
        self.sweeps = Sweeps(store)
        self.spools = Spools(store)
        self.replays = Replays(store)
        self.stop_switch = StopSwitch(store)
        self.account = Account(store, base_url)
