import BSON
import Foundation
import TestSupport
import Testing

@testable import MongoRuntime

/// What is noted of commands, and what a router makes of them.
@Suite struct CommandTraceTests {
    private static let keys = ["things": "group", "tickets": "_id"]

    private func shapes(_ name: String, _ command: BSONDocument) throws -> [TracedCommand] {
        try CommandShape.all(in: command, named: name).map(\.line).sorted()
            .map { try JSONDecoder().decode(TracedCommand.self, from: Data($0.utf8)) }
    }

    @Test func aShapeHoldsFieldsAndOperatorsButNoValues() throws {
        let command: BSONDocument = [
            "find": "things",
            "filter": [
                "group": "secret", "at": ["$gte": 1, "$lt": 2],
                "$and": [["at": 3], ["name": ["$eq": "x"]], ["$or": [["a": 1]]]], "sub": ["field": 1],
            ],
        ]
        #expect(
            try shapes("find", command) == [
                TracedCommand(
                    "find",
                    "things",
                    ["group": ["="], "at": ["=", "$gte", "$lt"], "name": ["="], "$or": ["="], "sub": ["="]]
                )
            ]
        )
    }

    @Test func everyStatementOfABulkIsLookedAt() throws {
        let updates: BSONValue = [["q": ["group": 1], "u": [:]], ["q": ["_id": 1], "u": [:]], ["q": ["group": 2]]]
        #expect(
            try shapes("update", ["update": "things", "updates": updates]) == [
                TracedCommand("update", "things", ["_id": ["="]]), TracedCommand("update", "things", ["group": ["="]]),
            ]
        )
        #expect(
            try shapes("insert", ["insert": "things", "documents": [["_id": 1, "group": ["$a": 1]]]]) == [
                TracedCommand("insert", "things", ["_id": ["="], "group": ["="]])
            ]
        )
        #expect(
            try shapes("delete", ["delete": "things", "deletes": [["q": ["_id": ["$in": [1]]], "limit": 1]]]) == [
                TracedCommand("delete", "things", ["_id": ["$in"]])
            ]
        )
    }

    @Test func anAggregationIsKnownByItsFirstStage() throws {
        func pipeline(_ stages: BSONValue...) -> BSONDocument { ["aggregate": "things", "pipeline": .array(stages)] }
        #expect(
            try shapes("aggregate", pipeline(["$match": ["group": 1]], ["$group": ["_id": .null]])) == [
                TracedCommand("aggregate", "things", ["group": ["="]])
            ]
        )
        #expect(
            try shapes("aggregate", pipeline(["$changeStream": [:]])) == [TracedCommand("$changeStream", "things", [:])]
        )
        #expect(try shapes("aggregate", pipeline()) == [TracedCommand("aggregate", "things", [:])])
    }

    @Test func otherCommandsAreNotNoted() throws {
        #expect(try shapes("hello", ["hello": 1]).isEmpty)
        #expect(try shapes("create", ["create": "things"]).isEmpty)
        #expect(try shapes("getMore", ["getMore": 5, "collection": "things"]).isEmpty)
    }

    @Test(arguments: [
        (TracedCommand("find", "things", ["group": ["="]]), TracedCommand.Target.targeted),
        (TracedCommand("find", "things", ["group": ["$in"], "_id": ["$gt"]]), .targeted),
        (TracedCommand("find", "things", ["group": ["$gte"]]), .broadcast),
        (TracedCommand("find", "things", ["_id": ["="]]), .broadcast),
        (TracedCommand("find", "things", ["$or": ["="]]), .broadcast),
        (TracedCommand("find", "things", [:]), .broadcast),
        (TracedCommand("insert", "things", ["_id": ["="], "group": ["="]]), .targeted),
        (TracedCommand("$changeStream", "things", [:]), .broadcast),
        (TracedCommand("findAndModify", "tickets", ["_id": ["="]]), .targeted),
        (TracedCommand("find", "unsharded", [:]), .targeted),
    ])
    func equalityOnTheShardKeyIsTargeted(command: TracedCommand, target: TracedCommand.Target) {
        #expect(command.target(shardKeys: Self.keys) == target)
    }

    @Test func aTraceHoldsEachShapeOnce() throws {
        let folder = NSTemporaryDirectory() + "/tapedesk-trace-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let trace = CommandTrace(folder: folder, program: "program")
        for group in Int64(0)..<3 {
            trace.note("find", (["find": "things", "filter": ["group": .int64(group)]] as BSONDocument).bytes)
        }
        trace.note("find", (["find": "things", "filter": [:]] as BSONDocument).bytes)
        trace.note("ping", (["ping": 1] as BSONDocument).bytes)
        let text = try String(contentsOfFile: "\(folder)/program-\(getpid()).ndjson", encoding: .utf8)
        #expect(
            text == """
                {"command":"find","collection":"things","filter":{"group":["="]}}
                {"command":"find","collection":"things","filter":{}}

                """
        )
    }
}
