"""The record as its users see it."""

from workers.ledger.auditing.audit import Audit
from workers.ledger.auditing.audit_log import AuditLog
from workers.ledger.bulk.comparisons import Comparisons
from workers.ledger.bulk.replays import Replays
from workers.ledger.bulk.sweeps import Sweeps
from workers.ledger.deleting.approvals import Approvals
from workers.ledger.deleting.deletions import Deletions
from workers.ledger.deleting.leases import Leases
from workers.ledger.deleting.protections import Protections
from workers.ledger.deleting.registers import Registers
from workers.ledger.deleting.views import Views
from workers.ledger.events.catch_ups import CatchUps
from workers.ledger.events.deliveries import Deliveries
from workers.ledger.events.holds import Holds
from workers.ledger.events.quarantine import Quarantine
from workers.ledger.events.sources import Sources
from workers.ledger.events.spools import Spools
from workers.ledger.installation.account import Account
from workers.ledger.installation.asset_types import AssetTypes
from workers.ledger.installation.budget import RequestBudget
from workers.ledger.installation.form import Form
from workers.ledger.installation.heartbeats import Heartbeats
from workers.ledger.installation.in_force import InForce
from workers.ledger.installation.measures import Measuring
from workers.ledger.installation.stop_switch import StopSwitch
from workers.ledger.installation.ticks import Ticks
from workers.ledger.listing import Listing
from workers.ledger.sending.callbacks import Callbacks
from workers.ledger.sending.hosts import Hosts
from workers.ledger.sending.notices import Notices
from workers.ledger.sending.results import Results
from workers.ledger.store import Store


class Ledger:
    """The parts of the record over one connection."""

    def __init__(self, store: Store, *, base_url: str = "") -> None:
        self.store = store
        self.deliveries = Deliveries(store)
        self.deletions = Deletions(store)
        self.leases = Leases(store)
        self.views = Views(store)
        self.measuring = Measuring(store)
        self.results = Results(store)
        self.approvals = Approvals(store)
        self.listing = Listing(store, self.deletions, self.deliveries)
        self.callbacks = Callbacks(store)
        self.hosts = Hosts(store)
        self.asset_types = AssetTypes(store)
        self.budget = RequestBudget(store)
        self.quarantine = Quarantine(store)
        self.holds = Holds(store)
        self.catch_ups = CatchUps(store)
        self.sources = Sources(store)
        self.form = Form(store)
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
        self.comparisons = Comparisons(store)
        self.stop_switch = StopSwitch(store)
        self.account = Account(store, base_url)
