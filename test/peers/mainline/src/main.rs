//! Nodes and clients of the Rust `mainline` DHT on this machine.
//!
//! Arguments: how many nodes (0: only clients), and the bootstrap nodes of the network they join, each
//! `host:port`, separated by commas (none: a network of their own). Like the other peers, it answers lines of
//! JSON until its standard input ends; bytes are hexadecimal. A failure is answered with `{"error":text}`.
//!
//! - `{"request":"ports"}`: where the nodes listen on 127.0.0.1, `{"ports":[n]}`
//! - `{"request":"get","key":K,"from":"host:port"}`: the first value that a look-up meets,
//!   `{"seq":n,"value":V}`; `{"seq":0,"value":null}` if it meets none
//! - `{"request":"newest","key":K,"from":"host:port"}`: the same with the newest value of a whole look-up
//! - `{"request":"put","key":K,"seed":S,"value":V,"seq":n,"cas":n|null,"from":"host:port"}`: signs and puts a
//!   value, `{"seq":n}`
//!
//! Each of the last three uses a new client that knows only the node `from`.
//!
//! A mainline node knows only nodes that answered it, and so none that join later: in a mixed network, this
//! starts last. It ignores queries whose transaction id is not 4 bytes: those of libtorrent and
//! bittorrent-dht have 2.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};
use std::{env, io, process, thread};

use mainline::{Dht, DhtBuilder, Id, MutableItem, SigningKey};
use serde::Deserialize;
use serde_json::{Value, json};

type Failure = Box<dyn Error>;

const LIFETIME: Duration = Duration::from_secs(15 * 60);
const START_LIMIT: Duration = Duration::from_secs(20);
/// A routing table always has room for this many nodes; whether for more depends on their ids.
const BUCKET_SIZE: usize = 20;

#[derive(Deserialize)]
#[serde(tag = "request", rename_all = "lowercase")]
enum Request {
    Ports,
    Get(Lookup),
    Newest(Lookup),
    Put(Put),
}

#[derive(Deserialize)]
struct Lookup {
    #[serde(with = "hex::serde")]
    key: [u8; 32],
    from: SocketAddrV4,
}

#[derive(Deserialize)]
struct Put {
    #[serde(with = "hex::serde")]
    key: [u8; 32],
    #[serde(with = "hex::serde")]
    seed: [u8; 32],
    #[serde(with = "hex::serde")]
    value: Vec<u8>,
    seq: i64,
    cas: Option<i64>,
    from: SocketAddrV4,
}

fn builder(port: u16, bootstrap: &[SocketAddrV4]) -> DhtBuilder {
    let mut builder = Dht::builder();
    builder
        .bind_address(Ipv4Addr::LOCALHOST)
        .port(port)
        .bootstrap(bootstrap);
    builder
}

/// Ports that were free just now.
fn free_ports(count: usize) -> io::Result<Vec<u16>> {
    // All are taken before the first is released, so no two are the same.
    let sockets = (0..count)
        .map(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<io::Result<Vec<_>>>()?;
    sockets
        .iter()
        .map(|socket| Ok(socket.local_addr()?.port()))
        .collect()
}

/// Starts nodes that know each other and the bootstrap nodes.
///
/// Not a `Testnet`: its nodes have no bootstrap nodes, and a node without any adds everybody who sends it a
/// `find_node` to its routing table. That includes clients, so all later look-ups would wait 2 s for a client
/// that is gone. Instead, each of our nodes has all others as bootstrap nodes; only a single node has none.
fn start(ports: &[u16], bootstrap: &[SocketAddrV4]) -> Result<Vec<Dht>, Failure> {
    let end = Instant::now() + START_LIMIT;
    let nodes = ports
        .iter()
        .map(|own| {
            let siblings = ports.iter().filter(|port| *port != own);
            let others = siblings
                .map(|port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, *port))
                .chain(bootstrap.iter().copied());
            builder(*own, &others.collect::<Vec<_>>())
                .server_mode()
                .build()
        })
        .collect::<io::Result<Vec<_>>>()?;

    let others = (ports.len() + bootstrap.len()).saturating_sub(1);
    let mut known = vec![0; nodes.len()];
    loop {
        let before = known;
        known = ask_around(&nodes);
        // In a large network some nodes meet only full buckets: they know all they can when nobody learns
        // more.
        if known == before && known.iter().all(|&nodes| nodes >= others.min(BUCKET_SIZE)) {
            return Ok(nodes);
        }
        if Instant::now() > end {
            return Err(format!("of {others} others the nodes know only {known:?}").into());
        }
    }
}

/// Each node asks all it was told of, unless it knows that many already. Returns how many each then knows.
fn ask_around(nodes: &[Dht]) -> Vec<usize> {
    let ask = |node: &Dht| {
        node.find_node(Id::random());
        node.to_bootstrap().len()
    };
    thread::scope(|scope| {
        let asking: Vec<_> = nodes
            .iter()
            .map(|node| scope.spawn(move || ask(node)))
            .collect();
        asking
            .into_iter()
            .map(|thread| thread.join().expect("a node ended"))
            .collect()
    })
}

/// A client, until it is dropped. Its first request goes to `from` at once, so it need not wait for
/// `bootstrapped`.
///
/// It avoids the default port, where answers to the previous client may still arrive: transaction ids start
/// at 0 in each client.
fn client(from: SocketAddrV4) -> io::Result<Dht> {
    builder(0, &[from]).build()
}

fn found(item: Option<MutableItem>) -> Value {
    match item {
        Some(item) => json!({ "seq": item.seq(), "value": hex::encode(item.value()) }),
        None => json!({ "seq": 0, "value": null }),
    }
}

fn put(request: &Put) -> Result<Value, Failure> {
    let signer = SigningKey::from_bytes(&request.seed);
    let item = MutableItem::new(signer, &request.value, request.seq, None);
    if *item.key() != request.key {
        return Err("the key is not that of the seed".into());
    }
    client(request.from)?.put_mutable(item, request.cas)?;
    Ok(json!({ "seq": request.seq }))
}

fn answer_to(request: &str, ports: &[u16]) -> Result<Value, Failure> {
    Ok(match serde_json::from_str(request)? {
        Request::Ports => json!({ "ports": ports }),
        Request::Get(Lookup { key, from }) => {
            found(client(from)?.get_mutable(&key, None, None).next())
        }
        Request::Newest(Lookup { key, from }) => {
            found(client(from)?.get_mutable_most_recent(&key, None))
        }
        Request::Put(request) => put(&request)?,
    })
}

fn main() -> Result<(), Failure> {
    thread::spawn(|| {
        thread::sleep(LIFETIME);
        process::exit(1); // It ends, whatever happens.
    });
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [count, bootstrap] = arguments.as_slice() else {
        return Err("arguments: <count> <bootstrap>".into());
    };
    let bootstrap = bootstrap
        .split(',')
        .filter(|node| !node.is_empty())
        .map(str::parse)
        .collect::<Result<Vec<_>, _>>()?;
    let ports = free_ports(count.parse()?)?;
    let _nodes = start(&ports, &bootstrap)?;
    for line in io::stdin().lines() {
        let answer = answer_to(&line?, &ports)
            .unwrap_or_else(|failure| json!({ "error": failure.to_string() }));
        println!("{answer}");
    }
    Ok(())
}
