"""The tables that are measured: how each is made, which leaves its target has, which constraints its whole job ends with, and what is
equal when a target holds the source's rows. Sizes at scale 1 are those of the project's published measurements."""
import dataclasses

ROWS_MIN = 2_000


@dataclasses.dataclass(frozen=True)
class Constraint:
    """A unique constraint of the source, as the target has it: widened by the partition key where that is missing."""
    kind: str  # PRIMARY KEY or UNIQUE.
    suffix: str
    source_columns: str
    target_columns: str


@dataclasses.dataclass(frozen=True)
class Table:
    label: str
    name: str
    what: str
    rows_at_scale_1: int
    definition: str
    select: str  # Rows 1 to {rows}.
    columns: str
    partition_key: str
    leaves: tuple  # The bounds, one text a leaf.
    layout_options: tuple  # The same layout in pgsluice's words.
    constraints: tuple
    external: tuple = ()  # Columns whose values are stored out of line and uncompressed.
    wal_sync_method: str = "fdatasync"

    def rows(self, scale):
        return max(ROWS_MIN, int(self.rows_at_scale_1 * scale))

    def definition_sql(self, name, persistence="", partitioning=""):
        return ";\n".join([f"CREATE {persistence} TABLE {name} ({self.definition}) {partitioning}"] +
                          [f"ALTER TABLE {name} ALTER {column} SET STORAGE EXTERNAL" for column in self.external])

    def constraints_sql(self, name):
        return ";\n".join(f"ALTER TABLE {name} ADD CONSTRAINT {name}_{c.suffix} {c.kind} ({c.source_columns})" for c in self.constraints)

    def target_sql(self, target, with_constraints):
        """The partitioned target and its leaves, named target_0 and so on."""
        statements = [self.definition_sql(target, partitioning=f"PARTITION BY {self.partition_key}")]
        statements += [f"CREATE TABLE {target}_{i} PARTITION OF {target} {bound}" for i, bound in enumerate(self.leaves)]
        if with_constraints:
            statements += self.root_constraints_sql(target)
        return ";\n".join(statements)

    def root_constraints_sql(self, target, only=""):
        """One statement a constraint. Without ONLY the server builds every leaf's index, one after the other."""
        return [f"ALTER TABLE {only} {target} ADD CONSTRAINT {target}_{c.suffix} {c.kind} ({c.target_columns})" for c in self.constraints]

    def leaf_constraints_sql(self, leaf):
        return [f"ALTER TABLE {leaf} ADD CONSTRAINT {leaf}_{c.suffix} {c.kind} ({c.target_columns})" for c in self.constraints]

    def attach_sql(self, target, leaves):
        return [f"ALTER INDEX {target}_{c.suffix} ATTACH PARTITION {leaf}_{c.suffix}" for c in self.constraints for leaf in leaves]

    def fingerprint_sql(self, name):
        """Count and a checksum over every column of every row; the order of the rows does not matter."""
        return f"SELECT count(*) || ' rows, ' || coalesce(sum(hash_record_extended(row({self.columns}), 0)::numeric), 0) FROM {name}"


def _hash_leaves(count):
    return tuple(f"FOR VALUES WITH (MODULUS {count}, REMAINDER {i})" for i in range(count))


def _month(index):
    return f"'{2023 + index // 12}-{index % 12 + 1:02}-01 00:00:00+00'"


SOURCES = Table(
    "T1", "t1", "jsonb payload, text key; 16 hash leaves by uid", 2_000_000,
    "id bigint NOT NULL, uid text NOT NULL, type text NOT NULL, payload_hash text NOT NULL, payload jsonb NOT NULL, "
    "created_at timestamptz NOT NULL",
    """SELECT g, 'u' || md5((g % ({rows} / 3))::text), (ARRAY['invoice', 'order', 'event'])[1 + g % 3], md5(g::text),
              jsonb_build_object('n', g, 'who', md5(g::text || 'a'), 'list', jsonb_build_array(g, g + 1, g + 2),
                                 'text', (SELECT string_agg(md5(g::text || i), ' ') FROM generate_series(1, 14) i)),
              '2024-01-01'::timestamptz + g * interval '20 s'
       FROM generate_series(1::bigint, {rows}) g""",
    "id, uid, type, payload_hash, payload, created_at", "HASH (uid)", _hash_leaves(16), ("--by", "HASH (uid)", "--partitions", "16"),
    (Constraint("PRIMARY KEY", "pkey", "id", "id, uid"),
     Constraint("UNIQUE", "content_key", "uid, type, payload_hash", "uid, type, payload_hash")))

EVENTS = Table(
    "T2", "t2", "narrow rows; 24 monthly leaves by ts", 10_000_000,
    "id bigint NOT NULL, account bigint NOT NULL, ts timestamptz NOT NULL, kind int NOT NULL, amount numeric(12,2) NOT NULL, note text NOT NULL",
    """SELECT g, g * 7919 % 1000003, '2023-01-01'::timestamptz + g * (interval '729 days' / {rows}), (g % 13)::int, (g % 100000) / 7.0,
              'note ' || md5(g::text)
       FROM generate_series(1::bigint, {rows}) g""",
    "id, account, ts, kind, amount, note", "RANGE (ts)", tuple(f"FOR VALUES FROM ({_month(i)}) TO ({_month(i + 1)})" for i in range(24)),
    ("--by", "RANGE (ts)", "--interval", "1 month", "--premake", "0"), (Constraint("PRIMARY KEY", "pkey", "id", "id, ts"),))

BLOBS = Table(
    "T3", "t3", "10 kB values, TOAST; 16 hash leaves by id", 100_000, "id bigint NOT NULL, body bytea NOT NULL",
    """SELECT g, (SELECT decode(string_agg(md5(g::text || ':' || i), ''), 'hex') FROM generate_series(1, 625) i)
       FROM generate_series(1::bigint, {rows}) g""",
    "id, body", "HASH (id)", _hash_leaves(16), ("--by", "HASH (id)", "--partitions", "16"),
    (Constraint("PRIMARY KEY", "pkey", "id", "id"),), external=("body",))

SLOW_WAL = dataclasses.replace(EVENTS, label="T2w", what="T2 on slow WAL, wal_sync_method=open_datasync",
                               wal_sync_method="open_datasync")

TABLES = {table.label: table for table in (SOURCES, EVENTS, BLOBS, SLOW_WAL)}


def narrow_hashed(leaf_count):
    """The narrow rows in hash leaves, for the study of the number of leaves."""
    return dataclasses.replace(EVENTS, label=f"{leaf_count} leaves", what=f"narrow rows; {leaf_count} hash leaves by id",
                               rows_at_scale_1=4_000_000, partition_key="HASH (id)", leaves=_hash_leaves(leaf_count),
                               layout_options=("--by", "HASH (id)", "--partitions", str(leaf_count)),
                               constraints=(Constraint("PRIMARY KEY", "pkey", "id", "id"),))


def narrow_long(rows):
    """T2 with another number of rows, for the study of size."""
    return dataclasses.replace(EVENTS, label=f"{rows / 1e6:g} M rows", rows_at_scale_1=rows)
