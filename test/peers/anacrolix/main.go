// Nodes of anacrolix/dht on this machine, and clients of it.
//
// Arguments: how many nodes (0: only clients), and the bootstrap nodes of the network they join, each
// host:port, separated by commas (none: a network of their own).
//
// Requests are lines of JSON on the standard input, keys and values in hexadecimal. Each gets one line, in
// order; a failure is answered with {"error":"..."}.
//
//	{"request":"ports"}
//	{"ports":[...]}: where the nodes listen on 127.0.0.1.
//
//	{"request":"get","key":K,"from":"host:port"}
//	{"seq":n,"value":V}: what a new client that knows only the node `from` finds. Nothing: seq 0, value null.
//
//	{"request":"put","key":K,"seed":S,"value":V,"seq":n,"cas":m,"from":"host:port"}
//	{"seq":n,"nodes":c}: put by such a client; c nodes took it. The library never sends a cas of 0: it is
//	the same as null.
package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anacrolix/dht/v2"
	"github.com/anacrolix/dht/v2/bep44"
	"github.com/anacrolix/dht/v2/exts/getput"
	"github.com/anacrolix/dht/v2/krpc"
	"github.com/anacrolix/torrent/bencode"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
)

func main() {
	time.AfterFunc(15*time.Minute, func() { log.Fatal("15 minutes are over") })
	if len(os.Args) != 3 {
		log.Fatal("arguments: how many nodes, and the bootstrap nodes")
	}
	ports, err := startNodes(os.Args[1], os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	requests := bufio.NewScanner(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for requests.Scan() {
		answer, err := answerTo(requests.Bytes(), ports)
		if err != nil {
			answer = map[string]string{"error": err.Error()}
		}
		if err := answers.Encode(answer); err != nil {
			log.Fatal(err)
		}
	}
}

type request struct {
	Request          string
	Key, Seed, Value hexText
	Seq, Cas         int64
	From             string
}

type hexText []byte

func (h *hexText) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

func answerTo(line []byte, ports []int) (any, error) {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	switch {
	case r.Request == "ports":
		return map[string][]int{"ports": ports}, nil
	case r.Request == "get" && len(r.Key) == ed25519.PublicKeySize:
		return get(ctx, r)
	case r.Request == "put" && len(r.Key) == ed25519.PublicKeySize && len(r.Seed) == ed25519.SeedSize:
		return put(ctx, r)
	}
	return nil, errors.New("no such request")
}

func get(ctx context.Context, r request) (any, error) {
	client, _, err := openClient(r.From)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	found, stats, err := getput.Get(ctx, bep44.MakeMutableTarget([32]byte(r.Key), nil), client, nil, nil)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		if atomic.LoadUint32(&stats.NumResponses) == 0 {
			return nil, errors.New("no node replied")
		}
		return map[string]any{"seq": 0, "value": nil}, nil
	}
	var value string
	if err := bencode.Unmarshal(found.V, &value); err != nil {
		return nil, fmt.Errorf("the value is no byte string: %w", err)
	}
	return map[string]any{"seq": found.Seq, "value": hex.EncodeToString([]byte(value))}, nil
}

func put(ctx context.Context, r request) (any, error) {
	client, socket, err := openClient(r.From)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	item := bep44.Put{V: string(r.Value), K: (*[32]byte)(r.Key), Cas: r.Cas, Seq: r.Seq}
	item.Sign(ed25519.NewKeyFromSeed(r.Seed))
	_, err = getput.Put(ctx, item.Target(), client, nil, func(int64) bep44.Put { return item })
	return map[string]int64{"seq": r.Seq, "nodes": socket.takers.Load()}, err
}

func openClient(from string) (*dht.Server, *putSocket, error) {
	start, err := net.ResolveUDPAddr("udp4", from)
	if err != nil {
		return nil, nil, err
	}
	socket := &putSocket{}
	client, err := newServer(func(config *dht.ServerConfig) {
		socket.PacketConn = config.Conn
		config.Conn = socket
		config.Passive = true
		config.StartingNodes = func() ([]dht.Addr, error) { return []dht.Addr{dht.NewAddr(start)}, nil }
	})
	return client, socket, err
}

// putSocket counts the nodes that take what is put: getput.Put does not tell, and puts twice to a node named
// as both IPv4 and IPv6.
type putSocket struct {
	net.PacketConn
	took   sync.Map
	takers atomic.Int64
}

func (s *putSocket) ReadFrom(packet []byte) (int, net.Addr, error) {
	length, from, err := s.PacketConn.ReadFrom(packet)
	var message krpc.Msg
	// A reply to a get carries a token, a reply to a put does not.
	if err == nil && bencode.Unmarshal(packet[:length], &message) == nil && message.R != nil && message.R.Token == nil {
		if _, known := s.took.LoadOrStore(from.String(), nil); !known {
			s.takers.Add(1)
		}
	}
	return length, from, err
}

func newServer(configure func(*dht.ServerConfig)) (*dht.Server, error) {
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	config := dht.NewDefaultServerConfig()
	config.Conn = socket
	config.StartingNodes = nil // The default ones are on the internet.
	// The default limiter is shared by the whole process: 25 packets a second, and replies beyond that are not
	// sent.
	config.SendLimiter = rate.NewLimiter(rate.Inf, 0)
	configure(config)
	return dht.NewServer(config)
}

// startNodes starts nodes, lets them meet each other and the bootstrap nodes, and returns their ports.
//
// A bucket holds 8 nodes, so more than 16 nodes can't all know each other. A reply names 8 nodes, and those
// near the id 0, as the library expects the target of a get in `info_hash`: a look-up among more than 8 nodes
// may miss some.
func startNodes(count, bootstrap string) ([]int, error) {
	wanted, err := strconv.Atoi(count)
	if err != nil {
		return nil, err
	}
	var network []*net.UDPAddr
	for _, address := range strings.FieldsFunc(bootstrap, func(r rune) bool { return r == ',' }) {
		node, err := net.ResolveUDPAddr("udp4", address)
		if err != nil {
			return nil, err
		}
		network = append(network, node)
	}
	nodes := make([]*dht.Server, wanted)
	ports := make([]int, wanted)
	for i := range nodes {
		nodes[i], err = newServer(func(config *dht.ServerConfig) {
			config.NodeId = krpc.RandomNodeID()
			config.NodeId[0] = byte(i * 256 / wanted) // Evenly spread: no bucket fills up too early.
		})
		if err != nil {
			return nil, err
		}
		address := nodes[i].Addr().(*net.UDPAddr)
		ports[i] = address.Port
		network = append(network, address)
	}
	var meetings errgroup.Group
	for _, node := range nodes {
		meetings.Go(func() error { return meet(node, network) })
	}
	return ports, meetings.Wait()
}

// meet has a node ping all others: its replies name only nodes that have replied to it.
func meet(node *dht.Server, network []*net.UDPAddr) error {
	for _, other := range network {
		if other.String() == node.Addr().String() {
			continue
		}
		// A try lasts 2 s.
		if err := node.PingQueryInput(other, dht.QueryInput{NumTries: 10}).ToError(); err != nil {
			return fmt.Errorf("%v does not reply to pings: %w", other, err)
		}
	}
	return nil
}
